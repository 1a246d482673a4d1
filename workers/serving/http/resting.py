"""Connections whose last call was refused for want of room are read again in turn, and not as soon as they ask again.

A refusal costs a good part of what a small answer costs. A process that is asked for five times what it can do, by
callers who do not heed `Retry-After`, would spend itself on refusals (see "Addressing Cascading Failures" in Site
Reliability Engineering, Beyer and others, 2016). What they send in the meantime waits in the socket, where it costs
nothing. A caller who is refused alone is read again after a hundredth of a second.
"""

import asyncio
from collections import deque
from typing import Protocol

TURN_SECONDS = 0.01
A_TURN = 5
"""Connections that are read again in a turn: five hundred a second."""
LONGEST_SECONDS = 1.0
"""No longer than the shortest `Retry-After` says, however many rest: those who heed it notice nothing."""


class Resting(Protocol):
    """A connection that rests."""

    def wake(self) -> None: ...


class RestingPlace:
    """Connections that rest, the one that came first in front, each with the time of the loop at which it came."""

    def __init__(self) -> None:
        self._resting: deque[tuple[float, Resting]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._resting)

    def add(self, connection: Resting) -> None:
        """Let it rest; its `wake` is called once."""
        loop = asyncio.get_running_loop()
        self._resting.append((loop.time(), connection))
        if self._timer is None:
            self._timer = loop.call_later(TURN_SECONDS, self._turn)

    def wake_all(self) -> None:
        """Nobody rests any longer: what was sent must be answered now."""
        while self._resting:
            self._resting.popleft()[1].wake()

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        overdue = loop.time() - LONGEST_SECONDS
        woken = 0
        while self._resting and (woken < A_TURN or self._resting[0][0] < overdue):
            self._resting.popleft()[1].wake()
            woken += 1
        self._timer = loop.call_later(TURN_SECONDS, self._turn) if self._resting else None
