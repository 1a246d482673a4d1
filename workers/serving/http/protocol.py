"""HTTP/1.1 on one connection, parsed by llhttp: keep-alive, pipelining, chunked bodies, `Expect`, bounds on all."""

import asyncio
from collections import deque
from http import HTTPStatus
from math import inf
from time import monotonic
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from workers.serving.http.connections import Connections
from workers.serving.http.exchange import Exchange
from workers.serving.http.known_heads import PATIENCE, ParsedHead
from workers.serving.http.resting import TURN_SECONDS
from workers.serving.problems import Problem, bad_request

MAX_HEAD_BYTES = 16 * 1024
MAX_HEADERS = 64
MAX_PIPELINED = 64
LINGER_SECONDS = 30
SMALL_BYTES = 16 * 1024  # as much as a head: the number of connections bounds these well enough
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"connection: close\r\n"
SINGLE = frozenset((b"authorization", b"x-api-key", b"host", b"content-type", b"content-length", b"expect"))


class Application(Protocol):
    """What answers exchanges. Both methods return at once; the reply may come later."""

    def handle(self, exchange: Exchange) -> None: ...

    def refuse(self, exchange: Exchange, problem: Problem) -> None: ...


class HttpProtocol(asyncio.Protocol):
    """Reads requests, keeps answers in order, and ends the connection where the caller breaks a bound.

    After a refusal in the midst of a request the rest of the body is read and thrown away for a while, so that the
    caller finds the answer and not a reset connection. Where too much is to be done, a large body is thrown away as it
    comes, and the connection goes on.
    """

    def __init__(self, application: Application, connections: Connections) -> None:
        self._application = application
        self._connections = connections
        self._known_heads = connections.known_heads
        self._patience = PATIENCE
        self._new: bytes | None = None  # what the parser is fed, as long as it may be one message that is worth keeping
        self._limits = connections.limits
        self._parser = HttpRequestParser(self)
        self._queue: deque[Exchange] = deque()
        self._transport: asyncio.Transport | None = None
        self._deaf = False  # nothing more is understood: the connection ends once the queue is answered
        self._reading = True
        self._clogged = False  # the caller does not read: nothing more is read from them until they do
        self._resting = False
        self._rest_began = self._unread_until = 0.0
        self._fed = 0
        self._held = 0
        self._begin()
        self._in_message = False
        self.expires = inf

    # -- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.expires = self._connections.now + self._limits.head_timeout
        self._connections.add(self)
        if len(self._connections) > self._limits.max_connections:
            full = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections are open; try again", retry_after=1)
            self._refuse(full)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None
        for exchange in self._queue:
            exchange.gone = True
        self._queue.clear()
        self._let_go()  # this object and its parser hold each other until the collector comes round

    def eof_received(self) -> bool:
        self._deaf = True
        return bool(self._queue)

    @property
    def peer(self) -> str:
        address = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(address[0]) if address else ""

    @property
    def idle(self) -> bool:
        return not self._queue and (self._deaf or not self._in_message)

    def expire(self) -> None:
        """End a connection that took too long: with an answer where a request had begun, else silently."""
        if self._transport is None:
            return
        if self._deaf or self._transport.get_write_buffer_size() > 0:
            self._transport.abort()
        elif not self._in_message:
            self._transport.close()
        else:
            self._refuse(Problem(HTTPStatus.REQUEST_TIMEOUT, "the request did not arrive in time"))

    def pause_writing(self) -> None:
        self._clogged = True
        self.expires = self._connections.now + self._limits.body_timeout
        self._pause_reading()

    def resume_writing(self) -> None:
        self._clogged = False
        self.expires = inf if self._queue else self._connections.now + self._limits.idle_timeout
        self._resume_reading()

    def _pause_reading(self) -> None:
        if self._reading and self._transport is not None and not self._transport.is_closing():
            self._reading = False
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading or self._resting or self._clogged or len(self._queue) > MAX_PIPELINED:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._reading = True
            self._transport.resume_reading()

    def _begin_rest(self) -> None:
        if not self._resting and self._transport is not None and not self._connections.draining:
            self._resting, self._rest_began = True, monotonic()
            self._pause_reading()
            self._connections.resting.add(self)

    def wake(self) -> None:
        self._resting, self._unread_until = False, monotonic() + TURN_SECONDS
        self._resume_reading()

    def _find_start(self) -> float:
        """Return since when the caller of what is read now may have waited (monotonic)."""
        now = monotonic()
        if now >= self._unread_until:
            return now
        self._unread_until = 0.0
        return self._rest_began

    # -- reading

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._patience and not self._in_message:
            known = self._known_heads.find(data)
            if known is not None:
                self._take_known(*known)
                return
            self._new = data
            self._patience -= 1
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._deaf = True
            if not self._queue:
                self._end()
        except HttpParserError as fault:
            self._refuse(bad_request(f"this is no HTTP/1.1 request: {fault}"))
        if self._in_head and self._in_message:
            self._arrived += len(data)
            if self._arrived > MAX_HEAD_BYTES:
                self._refuse(_head_too_large())
        self._new = None

    def _take_known(self, head: ParsedHead, body: bytes) -> None:
        """Take a request that the parser need not see."""
        self._patience = PATIENCE
        exchange = Exchange(self, head.method, head.target, head.headers, body, self._find_start())
        self._queue.append(exchange)
        if not self._clogged:
            self.expires = inf
        self._application.handle(exchange)
        if len(self._queue) > MAX_PIPELINED:
            self._pause_reading()

    def on_message_begin(self) -> None:
        self._begin()
        if not self._queue and not self._clogged:
            self.expires = self._connections.now + self._limits.head_timeout

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._turned_away: Problem | None = None
        self._arrived = 0
        self._in_head = self._in_message = True

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer says nothing that we heed
        name = name.lower()
        if name in self._headers:
            if name in SINGLE:
                self._refuse(bad_request(f"the header {name.decode('latin-1')} came twice"))
            value = self._headers[name] + b", " + value
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers = self._headers
        if self._deaf:
            return
        if self._arrived + self._fed > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
            size = len(self._target) + sum(len(name) + len(value) for name, value in headers.items())
            if size > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
                self._refuse(_head_too_large())
                return
        if b"host" not in headers and self._parser.get_http_version() != "1.0":
            self._refuse(bad_request("the header host is missing"))
            return
        size = int(headers.get(b"content-length", b"0"))
        if size > self._limits.max_body_bytes:
            self._refuse(self._body_too_large())
            return
        if size > SMALL_BYTES:
            self._turned_away = self._connections.refuse_early(self._parser.get_method(), self._target, headers, size)
            if self._turned_away is not None and b"expect" in headers:
                self._refuse(self._turned_away)
                return
        if b"expect" in headers:
            self._heed_expectation(headers[b"expect"])
        if not self._clogged:
            self.expires = self._connections.now + self._limits.body_timeout

    def _heed_expectation(self, expected: bytes) -> None:
        if expected.lower() != b"100-continue":
            self._refuse(Problem(HTTPStatus.EXPECTATION_FAILED, "only 100-continue can be expected"))
        elif not self._queue and self._transport is not None:
            self._transport.write(CONTINUE)

    def on_body(self, chunk: bytes) -> None:
        if self._deaf:
            return
        self._size += len(chunk)
        if self._size > self._limits.max_body_bytes:
            self._refuse(self._body_too_large())
        elif self._turned_away is None:
            self._chunks.append(chunk)
            if self._size > SMALL_BYTES:
                self._hold()

    def _hold(self) -> None:
        """Count what came of a large body, and keep it unless all that arrives is too much."""
        self._connections.arriving += self._size - self._held
        self._held = self._size
        self._turned_away = self._connections.refuse_more()
        if self._turned_away is not None:
            self._let_go()

    def _let_go(self) -> None:
        self._chunks.clear()
        self._connections.arriving -= self._held
        self._held = 0

    def on_message_complete(self) -> None:
        if self._deaf:
            return
        self._in_message = False
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._let_go()
        exchange = self._open_exchange(body)
        if not self._parser.should_keep_alive() or self._is_old():
            exchange.keep_alive = False
            self._patience = 0
        elif self._new is not None:
            parsed = ParsedHead(exchange.method, exchange.target, exchange.headers, len(body))
            self._known_heads.keep(self._new, parsed, body)
        if self._turned_away is None:
            self._application.handle(exchange)
        else:
            self._application.refuse(exchange, self._turned_away)
        if len(self._queue) > MAX_PIPELINED:
            self._pause_reading()

    def _is_old(self) -> bool:
        """HTTP/1.0 with keep-alive asks for an answer of its own; such callers get a connection for each request."""
        return b"connection" in self._headers and self._parser.get_http_version() == "1.0"

    def _open_exchange(self, body: bytes) -> Exchange:
        exchange = Exchange(self, self._parser.get_method(), self._target, self._headers, body, self._find_start())
        self._queue.append(exchange)
        if not self._clogged:
            self.expires = inf
        return exchange

    def _refuse(self, problem: Problem) -> None:
        """Answer with a problem and understand nothing more of what comes on this connection."""
        if self._deaf:
            return
        self._deaf = True
        self._let_go()
        exchange = self._open_exchange(b"")
        exchange.keep_alive = False
        self._application.refuse(exchange, problem)

    def _body_too_large(self) -> Problem:
        limit = self._limits.max_body_bytes
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {limit} bytes; send fewer rows a call"
        )

    # -- answering

    def carry(self, exchange: Exchange) -> None:
        """Write every answer that is due, in the order of the requests."""
        queue = self._queue
        if len(queue) == 1 and exchange.keep_alive and not (self._deaf or self._clogged or self._connections.draining):
            queue.popleft()
            self._write(exchange, b"")
            self.expires = self._connections.now + self._limits.idle_timeout
            if exchange.come_later:
                self._begin_rest()
            elif not self._reading:
                self._resume_reading()
            return
        while queue and queue[0].head is not None:
            exchange = queue.popleft()
            if not exchange.keep_alive or (not queue and (self._deaf or self._connections.draining)):
                self._write(exchange, CLOSE)
                self._end()
                return
            self._write(exchange, b"")
            if exchange.come_later:
                self._begin_rest()
        if self._clogged:
            return
        if not queue:
            self.expires = self._connections.now + self._limits.idle_timeout
        self._resume_reading()

    def _write(self, exchange: Exchange, connection: bytes) -> None:
        if self._transport is None or exchange.head is None:
            return
        content = b"" if exchange.method == b"HEAD" else exchange.body
        self._transport.write(b"%b%b%b\r\n%b" % (exchange.head, self._connections.date, connection, content))

    def _end(self) -> None:
        """Close once what was written has gone out; where a body is still coming, read on and throw it away first."""
        if self._transport is None:
            return
        self._queue.clear()
        if self._deaf and self._in_message and self._transport.can_write_eof():
            self._transport.write_eof()
            self.expires = self._connections.now + min(LINGER_SECONDS, self._limits.body_timeout)
        else:
            self._deaf = True
            self._transport.close()


def _head_too_large() -> Problem:
    return Problem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the request head is larger than {MAX_HEAD_BYTES} bytes or {MAX_HEADERS} headers",
    )
