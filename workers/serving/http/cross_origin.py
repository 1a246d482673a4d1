"""Pages of other origins may call where the operator allowed theirs (`MODELYARD_PREDICT_CORS_ORIGINS`)."""

from http import HTTPStatus

from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import TEXT, compose_head
from workers.serving.http.protocol import Application
from workers.serving.problems import Problem, forbidden

ANY = "*"
KEEP_SECONDS = 600
ASKED = b"access-control-request-method"
PREFLIGHT = (
    b"access-control-allow-methods: POST, GET\r\n"
    b"access-control-allow-headers: authorization, content-type, x-api-key, *\r\n"
    b"access-control-max-age: %d\r\n" % KEEP_SECONDS
)


class CrossOrigin:
    """Stands before the desk: answers what browsers ask beforehand, and says in every answer who may read it."""

    def __init__(self, inner: Application, origins: frozenset[str]) -> None:
        self._inner = inner
        self._origins = {origin.encode() for origin in origins}
        self._anybody = ANY in origins

    def handle(self, exchange: Exchange) -> None:
        origin = exchange.headers.get(b"origin")
        if origin is None:
            self._inner.handle(exchange)
            return
        allowed = self._anybody or origin in self._origins
        if allowed:
            exchange.more = self._compose(origin)
        if exchange.method != b"OPTIONS" or ASKED not in exchange.headers:
            self._inner.handle(exchange)
        elif allowed and origin.startswith((b"http://", b"https://")):
            exchange.reply(compose_head(HTTPStatus.OK, TEXT) + PREFLIGHT, b"")
        else:
            self._inner.refuse(exchange, forbidden("pages of this origin may not call; the operator allows origins"))

    def refuse(self, exchange: Exchange, problem: Problem) -> None:
        self._inner.refuse(exchange, problem)

    def _compose(self, origin: bytes) -> bytes:
        allowed = b"*" if self._anybody else origin
        return b"access-control-allow-origin: %b\r\naccess-control-expose-headers: *\r\nvary: origin\r\n" % allowed
