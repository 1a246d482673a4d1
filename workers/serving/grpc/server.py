"""The gRPC port: calls become exchanges for the desk, its answers become messages, codes and metadata."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from workers.serving.grpc.answering import Application, Context, answering
from workers.serving.grpc.family import METHODS
from workers.serving.grpc.messages import SERVICE
from workers.serving.grpc.streaming import Stream
from workers.serving.protocols.open_inference.repository import NOT_OFFERED

NOTICE_SECONDS = 0.25
ASKING_READINESS = frozenset(("ServerReady", "ModelReady"))
NOT_READY = frozenset((404, 503))
STREAMED = f"/{SERVICE}/ModelStreamInfer"
UNOFFERED = (
    "TraceSetting",
    "LogSettings",
    *(f"{kind}SharedMemory{verb}" for kind in ("System", "Cuda") for verb in ("Status", "Register", "Unregister")),
)


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
        self._service.stop()
        notice = min(NOTICE_SECONDS, seconds)
        await asyncio.sleep(notice)
        await self._server.stop(seconds - notice)


class Service(grpc.GenericRpcHandler):
    """Finds the method of a call. Messages pass as bytes, so that the desk sees what came over the wire."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._stopping = asyncio.Event()
        self._handlers: dict[str, Any] = {
            f"/{SERVICE}/{method}": grpc.unary_unary_rpc_method_handler(
                answering(application, method, NOT_READY if method in ASKING_READINESS else frozenset())
            )
            for method in METHODS
        }
        self._handlers[STREAMED] = grpc.stream_stream_rpc_method_handler(self._answer_stream)
        self._refusal: Any = grpc.unary_unary_rpc_method_handler(_refuse)
        self._unoffered: dict[str, Any] = {
            f"/{SERVICE}/{method}": grpc.unary_unary_rpc_method_handler(_refuse_setting) for method in UNOFFERED
        }

    def stop(self) -> None:
        """Refuse new calls from now on, and read no further from streams."""
        self._stopping.set()

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method
        handler = self._handlers.get(method) or self._unoffered.get(method)
        return self._refusal if self._stopping.is_set() and handler is not None else handler

    async def _answer_stream(self, requests: AsyncIterator[bytes], context: Context) -> None:
        await Stream(self._application, context, self._stopping).run(requests)


async def _refuse(request: bytes, context: Context) -> bytes:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the predictor is stopping; try again", (("retry-after", "1"),))


async def _refuse_setting(request: bytes, context: Context) -> bytes:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, NOT_OFFERED)
