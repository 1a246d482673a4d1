"""Heads that llhttp has parsed before. A caller who keeps a connection sends nearly the same bytes again and again.

What the parser makes of a head depends on nothing but its bytes, as long as it stands between two messages. So a
request that begins with the bytes of an earlier one, and that arrived whole, need not be parsed again; whatever is
different in a single byte goes to the parser.
"""

from typing import NamedTuple

END = b"\r\n\r\n"
MOST_KNOWN = 1024
LARGEST_HEAD = 1024
LARGEST_BODY = 16 * 1024
PATIENCE = 32
"""Requests in a row that may be new to us before a connection is no longer looked at."""
TELLING = frozenset((b"transfer-encoding", b"expect", b"upgrade", b"connection"))
"""Headers that make more of a message than its head and so many bytes."""


class ParsedHead(NamedTuple):
    """What the parser made of a head; `size` is that of the body that follows. Nobody may change the headers."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    size: int


class KnownHeads:
    """Shared by all connections, and bounded: when it is full it starts anew."""

    def __init__(self) -> None:
        self._heads: dict[bytes, ParsedHead] = {}

    def find(self, data: bytes) -> tuple[ParsedHead, bytes] | None:
        """Return the head and the body, if that is what the data are: both whole, nothing behind them."""
        end = data.find(END) + len(END)
        head = self._heads.get(data[:end])
        return (head, data[end:]) if head is not None and len(data) == end + head.size else None

    def keep(self, data: bytes, parsed: ParsedHead, body: bytes) -> None:
        """Keep what the parser made of data that it found to be just this one message."""
        end = data.find(END) + len(END)
        if end > LARGEST_HEAD or parsed.size > LARGEST_BODY or not TELLING.isdisjoint(parsed.headers):
            return
        if data[end:] != body or int(parsed.headers.get(b"content-length", b"0")) != parsed.size:
            return
        if len(self._heads) >= MOST_KNOWN:
            self._heads.clear()
        self._heads[data[:end]] = parsed
