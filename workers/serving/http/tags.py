"""Answers that a caller may keep: an ETag with each, and 304 where If-None-Match names it."""

from hashlib import sha256
from http import HTTPStatus

from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import JSON, compose_head

CACHING = b"private, no-cache"


def reply_plainly(exchange: Exchange, lines: bytes, content: bytes) -> None:
    exchange.reply(compose_head(HTTPStatus.OK) + lines, content)


def reply_tagged(exchange: Exchange, lines: bytes, content: bytes) -> None:
    tag = b'"%b"' % sha256(content).hexdigest()[:32].encode()
    lines += b"etag: %b\r\nvary: authorization, x-api-key\r\n" % tag
    if _names(exchange.headers.get(b"if-none-match", b""), tag):
        exchange.reply_unchanged(compose_head(HTTPStatus.NOT_MODIFIED, JSON, CACHING) + lines)
    else:
        exchange.reply(compose_head(HTTPStatus.OK, JSON, CACHING) + lines, content)


def _names(said: bytes, tag: bytes) -> bool:
    """Whether If-None-Match holds for the tag; a proxy that compresses makes it a weak one."""
    return any(part.strip().removeprefix(b"W/") in (tag, b"*") for part in said.split(b","))
