"""Calls that are held until something is there: a look-up, an endpoint's first version, a model that left memory.

Held calls keep their bodies, so both their number and their bytes are bounded; whoever comes after that is refused.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable

from workers.serving.http.exchange import Exchange
from workers.serving.problems import unavailable

log = logging.getLogger(__name__)

MAX_BYTES = 128 * 1024**2


class WaitingRoom:
    """Holds at most `seats` calls for each thing that is awaited."""

    def __init__(self, seats: int, max_bytes: int = MAX_BYTES) -> None:
        self._seats = seats
        self._bytes_left = max_bytes
        self._taken: Counter[Hashable] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(self, exchange: Exchange, awaited: Hashable, go_on: Callable[[], Awaitable[None]]) -> None:
        """Run `go_on`, which waits and answers the call. Raises a 503 where too many wait for `awaited` already."""
        size = len(exchange.body)
        if self._taken[awaited] >= self._seats or self._bytes_left < size:
            raise unavailable("too many calls wait for what this one needs; try again")
        self._taken[awaited] += 1
        self._bytes_left -= size
        task = asyncio.ensure_future(self._keep(awaited, size, go_on))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _keep(self, awaited: Hashable, size: int, go_on: Callable[[], Awaitable[None]]) -> None:
        try:
            await go_on()
        except Exception:
            log.exception("a call that was held failed")
        finally:
            self._bytes_left += size
            self._taken[awaited] -= 1
            if not self._taken[awaited]:
                del self._taken[awaited]
