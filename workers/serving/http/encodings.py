"""`Content-Encoding` undone: gzip and deflate, inflated in pieces and never beyond a bound."""

import zlib
from http import HTTPStatus

from workers.serving.problems import Problem, bad_request

GZIP, ZLIB, RAW = 31, 15, -15
PIECE = 256 * 1024


def inflate(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Return the body as it was before it was compressed. Raises a 413, 415 or 400."""
    name = encoding.strip().lower()
    if name in (b"", b"identity"):
        return body
    if name in (b"gzip", b"x-gzip"):
        return _inflate(body, GZIP, limit)
    if name == b"deflate":
        return _inflate(body, ZLIB if _is_zlib(body) else RAW, limit)
    said = encoding.decode("latin-1")[:80]
    message = f"the body is encoded as {said!r}; send it as it is, or as gzip or deflate"
    raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)


def _is_zlib(body: bytes) -> bool:
    """By the book deflate has zlib's two bytes in front; some clients leave them out."""
    return len(body) > 1 and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0


def _inflate(body: bytes, form: int, limit: int) -> bytes:
    pieces: list[bytes] = []
    size, rest = 0, body
    while rest:
        stream = zlib.decompressobj(form)
        try:
            while not stream.eof:
                piece = stream.decompress(rest, PIECE)
                rest = stream.unconsumed_tail
                pieces.append(piece)
                size += len(piece)
                if size > limit:
                    raise _too_large(limit)
                if not piece and not rest and not stream.eof:
                    raise bad_request("the compressed body ends too early")
        except zlib.error as fault:
            raise bad_request(f"the body cannot be decompressed: {fault}") from None
        rest = stream.unused_data if form == GZIP else b""
    if not pieces:
        raise bad_request("the compressed body is empty")
    return b"".join(pieces)


def _too_large(limit: int) -> Problem:
    message = f"the body is larger than {limit} bytes once decompressed; send fewer rows a call"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
