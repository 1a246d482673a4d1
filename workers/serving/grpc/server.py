"""The gRPC port: calls become exchanges for the desk, its answers become messages, codes and metadata."""

import asyncio
from functools import partial
from time import monotonic
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from workers.serving.grpc.family import METHODS, RpcExchange
from workers.serving.grpc.messages import MESSAGES, SERVICE
from workers.serving.http.exchange import Exchange

HEEDED = frozenset(("authorization", "x-api-key", "x-request-id", "x-modelyard-session", "x-request-timeout-ms"))
"""Metadata that mean what the headers of the same names mean."""

UNTOLD = frozenset((b"content-type", b"content-length", b"cache-control", b"x-content-type-options", b"vary"))
NOTICE_SECONDS = 0.25
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
ASKING_READINESS = frozenset(("ServerReady", "ModelReady"))
NOT_READY = frozenset((404, 503))
Metadata = tuple[tuple[str, str], ...]
Context = grpc.aio.ServicerContext[bytes, bytes]


class Application(Protocol):
    """What answers exchanges."""

    def handle(self, exchange: Exchange) -> None: ...


class GrpcServer:
    """Listens on an address; `open` must run in the event loop of the desk. Raises `OSError` if it cannot listen."""

    def __init__(
        self, application: Application, address: str, *, max_body_bytes: int, max_calls: int, shared: bool
    ) -> None:
        self._service = Service(application)
        self._address = address
        self._max_calls = max_calls
        self._options = [
            ("grpc.max_receive_message_length", max_body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", int(shared)),
        ]
        self._server: grpc.aio.Server | None = None

    async def open(self) -> None:
        self._server = grpc.aio.server(options=self._options, maximum_concurrent_rpcs=self._max_calls)
        self._server.add_generic_rpc_handlers((self._service,))
        try:
            self._server.add_insecure_port(self._address)
        except RuntimeError as fault:
            raise OSError(str(fault)) from fault
        await self._server.start()

    async def close(self, seconds: float) -> None:
        """Refuse new calls for a moment, so that callers go elsewhere; answer those that have begun; then close.

        gRPC's own stopping would tell calls that arrive with it that they were cancelled, which nobody tries again.
        """
        if self._server is None:
            return
        self._service.stopping = True
        notice = min(NOTICE_SECONDS, seconds)
        await asyncio.sleep(notice)
        await self._server.stop(seconds - notice)


class Service(grpc.GenericRpcHandler):
    """Finds the method of a call. Messages pass as bytes, so that the desk sees what came over the wire."""

    def __init__(self, application: Application) -> None:
        self.stopping = False
        self._handlers: dict[str, Any] = {
            f"/{SERVICE}/{method}": grpc.unary_unary_rpc_method_handler(partial(_answer, application, method))
            for method in METHODS
        }
        self._refusal: Any = grpc.unary_unary_rpc_method_handler(_refuse)

    def service(self, handler_call_details: Any) -> Any:
        handler = self._handlers.get(handler_call_details.method)
        return self._refusal if self.stopping and handler is not None else handler


class Waiting:
    """Carries the answer of one call to the coroutine that waits for it."""

    def __init__(self) -> None:
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def carry(self, exchange: Exchange) -> None:
        if not self.answered.done():
            self.answered.set_result(None)


async def _refuse(request: bytes, context: Context) -> bytes:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the predictor is stopping; try again", (("retry-after", "1"),))


async def _answer(application: Application, method: str, request: bytes, context: Context) -> bytes:
    started = monotonic()
    try:
        message = MESSAGES[f"{method}Request"].FromString(request)
    except DecodeError:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {method}Request")
    waiting = Waiting()
    exchange = RpcExchange(waiting, method, message, _read_headers(context), request, started)
    application.handle(exchange)
    try:
        await waiting.answered
    except asyncio.CancelledError:
        exchange.gone = True
        raise
    status, metadata = read_head(exchange.head or b"")
    if status == OK:
        context.set_trailing_metadata(metadata)
        return exchange.body
    if method in ASKING_READINESS and status in NOT_READY:
        return b""  # the message that says no
    details = exchange.body.decode()[:MOST_DETAILS]
    await context.abort(CODES.get(status, grpc.StatusCode.INVALID_ARGUMENT), details, metadata)


def _read_headers(context: Context) -> dict[bytes, bytes]:
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
