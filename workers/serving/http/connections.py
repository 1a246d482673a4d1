"""All open connections: counted, timed out, drained."""

import asyncio
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol

SWEEP_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """Bounds of the transport; times in seconds."""

    max_body_bytes: int
    max_connections: int
    head_timeout: int
    body_timeout: int
    idle_timeout: int


class Timed(Protocol):
    """A connection as the sweep sees it."""

    expires: float

    def expire(self) -> None: ...

    @property
    def idle(self) -> bool: ...


class Connections:
    """The clock ticks with the sweep: exact enough for timeouts, and no request has to look at the real one."""

    def __init__(self, limits: HttpLimits) -> None:
        self.limits = limits
        self.draining = False
        self.now = 0.0
        self.date = b""
        self._open: set[Timed] = set()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def busy(self) -> bool:
        """Whether any call is still unanswered or half read."""
        return any(not connection.idle for connection in self._open)

    def add(self, connection: Timed) -> None:
        self._open.add(connection)

    def discard(self, connection: Timed) -> None:
        self._open.discard(connection)

    def close_idle(self) -> None:
        for connection in [connection for connection in self._open if connection.idle]:
            connection.expire()

    def tick(self) -> None:
        """Bring the clock and the `date` line up to date and end what took too long."""
        self.now = asyncio.get_running_loop().time()
        self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()
        for connection in [connection for connection in self._open if connection.expires < self.now]:
            connection.expire()

    async def sweep(self) -> None:
        """Tick until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(SWEEP_SECONDS)
