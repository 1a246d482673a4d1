"""Status lines and header lines, composed once for each status and kind of content."""

from functools import cache
from http import HTTPStatus

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"


@cache
def compose_head(status: int, content_type: bytes = JSON, caching: bytes = b"no-store") -> bytes:
    """Return the status line and the header lines that never change."""
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncache-control: %b\r\nx-content-type-options: nosniff\r\n" % (
        status,
        phrase,
        content_type,
        caching,
    )
