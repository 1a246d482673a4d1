"""Answers compressed for callers that ask for it: what fits into one packet is not worth it."""

import re
import zlib

from workers.serving.call import Call

ONE_PACKET = 1400
TOO_LONG_FOR_THE_LOOP = 512 * 1024
FASTEST = 1
WINDOWS = {b"gzip": 31, b"deflate": 15}
_REFUSED = re.compile(rb";\s*q=0(?:\.0*)?\s*\Z")


def compress_as_asked(call: Call, content: bytes) -> bytes:
    """Return the content in the encoding that the caller named first of those on offer, and tell so in the head."""
    accepted = call.exchange.headers.get(b"accept-encoding")
    if accepted is None or not ONE_PACKET < len(content) <= TOO_LONG_FOR_THE_LOOP:
        return content
    encoding = _choose(accepted.lower())
    if encoding is None:
        return content
    call.head_lines += b"content-encoding: %b\r\nvary: accept-encoding\r\n" % encoding
    stream = zlib.compressobj(FASTEST, zlib.DEFLATED, WINDOWS[encoding])
    return stream.compress(content) + stream.flush()


def _choose(accepted: bytes) -> bytes | None:
    for part in accepted.split(b","):
        name = part.partition(b";")[0].strip()
        if name in WINDOWS and not _REFUSED.search(part):
            return name
    return None
