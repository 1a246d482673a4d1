"""When the port of gRPC opens and closes. Importing this imports neither gRPC nor its messages."""

import asyncio
import importlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from workers.serving.desk import Desk
from workers.serving.settings import Settings

if TYPE_CHECKING:
    from workers.serving.grpc.server import GrpcServer

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
LONGEST_WAIT = 5.0
SERVER = "workers.serving.grpc.server"
FAMILY = "workers.serving.grpc.family"


class GrpcPort:
    """Opens once HTTP is ready, so that what gRPC has to import delays nobody's first answer over HTTP."""

    def __init__(self, settings: Settings, make_desk: Callable[..., Desk], reasons: Callable[[], list[str]]) -> None:
        self._settings = settings
        self._make_desk = make_desk
        self._reasons = reasons
        self._server: GrpcServer | None = None

    async def open(self) -> None:
        """Open the port if it is on. A port that cannot be had is told in the log; HTTP goes on without it."""
        settings = self._settings
        if settings.grpc_port == 0:
            return
        await self._wait_for_http()
        loop = asyncio.get_running_loop()
        module = await loop.run_in_executor(None, importlib.import_module, SERVER)
        family = importlib.import_module(FAMILY).InferenceService()
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        server: GrpcServer = module.GrpcServer(
            self._make_desk(family),
            f"{host}:{settings.grpc_port}",
            max_body_bytes=settings.max_body_bytes,
            max_calls=settings.max_connections,
            shared=settings.parent is not None,
        )
        try:
            await server.open()
        except OSError as fault:
            log.error("cannot listen on port %d for gRPC (MODELYARD_PREDICT_GRPC_PORT): %s", settings.grpc_port, fault)
        else:
            self._server = server
            log.info("listening on %s:%d for gRPC", settings.host, settings.grpc_port)

    async def _wait_for_http(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LONGEST_WAIT
        while self._reasons() and loop.time() < deadline:
            await asyncio.sleep(LOOK_SECONDS)

    async def close(self, seconds: float) -> None:
        """Take no new calls and answer those that have begun."""
        if self._server is not None:
            await self._server.close(seconds)
