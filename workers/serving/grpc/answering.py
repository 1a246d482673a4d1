"""One call of gRPC as an exchange for the desk, and its answer as a message, a code and metadata."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from workers.serving.grpc.family import RpcExchange
from workers.serving.grpc.messages import MESSAGES
from workers.serving.http.exchange import Exchange

HEEDED = frozenset(("authorization", "x-api-key", "x-request-id", "x-modelyard-session", "x-request-timeout-ms"))
"""Metadata that mean what the headers of the same names mean."""

UNTOLD = frozenset((b"content-type", b"content-length", b"cache-control", b"x-content-type-options", b"vary"))
PATIENCE = b"x-request-timeout-ms"
MOST_DETAILS = 1500
"""Characters of a refusal; metadata are bounded, and percent signs may triple them."""

CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    409: grpc.StatusCode.ABORTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""By the status that HTTP would have; what the caller did wrong otherwise is an invalid argument."""

OK = 200
Metadata = tuple[tuple[str, str], ...]
Context = grpc.aio.ServicerContext[bytes, bytes]
Handler = Callable[[bytes, Context], Awaitable[bytes]]


class Application(Protocol):
    """What answers exchanges."""

    def handle(self, exchange: Exchange) -> None: ...


class Asked:
    """A request that was handed to the desk. Raises `DecodeError` for bytes that are no such request."""

    def __init__(self, application: Application, method: str, request: bytes, headers: dict[bytes, bytes]) -> None:
        started = monotonic()
        self.message: Any = MESSAGES[f"{method}Request"].FromString(request)
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.exchange = RpcExchange(self, method, self.message, headers, request, started)
        application.handle(self.exchange)

    def carry(self, exchange: Exchange) -> None:
        if not self._answered.done():
            self._answered.set_result(None)

    async def answer(self) -> tuple[int, Metadata, bytes]:
        """Wait for the answer: its status as HTTP has it, its metadata, its content."""
        try:
            await self._answered
        except asyncio.CancelledError:
            self.let_go()
            raise
        return *read_head(self.exchange.head or b""), self.exchange.body

    def let_go(self) -> None:
        """Nobody waits for the answer any more."""
        self.exchange.gone = True


def answering(application: Application, method: str, sure: frozenset[int] = frozenset()) -> Handler:
    """Return what answers calls of a method. A refusal with a status in `sure` is the message that says no."""

    async def answer(request: bytes, context: Context) -> bytes:
        try:
            asked = Asked(application, method, request, read_headers(context))
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {method}Request")
        status, metadata, content = await asked.answer()
        if status == OK:
            context.set_trailing_metadata(metadata)
            return content
        if status in sure:
            return b""
        await context.abort(code_of(status), content.decode()[:MOST_DETAILS], metadata)

    return answer


def code_of(status: int) -> grpc.StatusCode:
    return CODES.get(status, grpc.StatusCode.INVALID_ARGUMENT)


def read_headers(context: Context) -> dict[bytes, bytes]:
    """The metadata that are heeded; the deadline of the call is the caller's patience."""
    headers = {
        name.encode(): value.encode() if isinstance(value, str) else value
        for name, value in context.invocation_metadata() or ()
        if name in HEEDED
    }
    remaining = context.time_remaining()
    if remaining is not None:
        milliseconds = max(0, int(remaining * 1000))
        said = headers.get(PATIENCE, b"")
        headers[PATIENCE] = b"%d" % (min(milliseconds, int(said[:9])) if said.isdigit() else milliseconds)
    return headers


def read_head(head: bytes) -> tuple[int, Metadata]:
    """Return the status of a head that the desk wrote, and those of its lines that a caller of gRPC wants to know."""
    first, *lines = head.split(b"\r\n")
    pairs = (line.partition(b": ") for line in lines if line)
    told = tuple((name.decode().lower(), value.decode()) for name, _, value in pairs if name.lower() not in UNTOLD)
    return int(first.split(b" ", 2)[1]), told
