"""All open connections: counted, timed out, drained."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Protocol

from workers.serving.http.known_heads import KnownHeads
from workers.serving.http.resting import RestingPlace
from workers.serving.problems import Problem, unavailable

SWEEP_SECONDS = 0.5
Foresee = Callable[[bytes, bytes, dict[bytes, bytes], int], Problem | None]


@dataclass(frozen=True, kw_only=True)
class HttpLimits:
    """Bounds of the transport; times in seconds."""

    max_body_bytes: int
    max_connections: int
    head_timeout: int
    body_timeout: int
    idle_timeout: int
    max_arriving_bytes: int = 64 * 1024**2


class Timed(Protocol):
    """A connection as the sweep sees it."""

    expires: float

    def expire(self) -> None: ...

    @property
    def idle(self) -> bool: ...


def _foresee_nothing(_method: bytes, _target: bytes, _headers: dict[bytes, bytes], _size: int) -> Problem | None:
    return None


class Connections:
    """The clock ticks with the sweep: exact enough for timeouts, and no request has to look at the real one.

    `foresee` says of a request of which only the head is there why it will be refused; None where that is open.
    `arriving` are the bytes of large bodies that are not there as a whole, in all connections together.
    """

    def __init__(self, limits: HttpLimits, foresee: Foresee = _foresee_nothing) -> None:
        self.limits = limits
        self.arriving = 0
        self.known_heads = KnownHeads()
        self._foresee = foresee
        self.resting = RestingPlace()
        self.draining = False
        self.now = 0.0
        self.date = b""
        self._open: set[Timed] = set()

    def __len__(self) -> int:
        return len(self._open)

    def drain(self) -> None:
        """From now on every answer ends its connection."""
        self.draining = True
        self.resting.wake_all()

    @property
    def busy(self) -> bool:
        """Whether any call is still unanswered or half read."""
        return any(not connection.idle for connection in self._open)

    def add(self, connection: Timed) -> None:
        self._open.add(connection)

    def discard(self, connection: Timed) -> None:
        self._open.discard(connection)

    def refuse_early(self, method: bytes, target: bytes, headers: dict[bytes, bytes], size: int) -> Problem | None:
        """Return why a body of so many bytes need not be kept when it comes; None where it is wanted."""
        return self.refuse_more(size) or self._foresee(method, target, headers, size)

    def refuse_more(self, size: int = 0) -> Problem | None:
        """Return a 503 if so many bytes more than arrive already are too many."""
        if self.arriving + size <= self.limits.max_arriving_bytes:
            return None
        return unavailable("too many large requests arrive at once; try again")

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
