"""Calls counted in memory and told to the platform about once a second; bounded while nobody listens."""

import json
import logging
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from modelyard.contracts import route
from modelyard.contracts.observations import LATENCY_BOUNDS
from modelyard.contracts.route import Usage

log = logging.getLogger(__name__)

MAX_CELLS = 20_000
MAX_BATCH = 500
BOUNDS = tuple(bound / 1000 for bound in LATENCY_BOUNDS)
COARSE = (*(bisect_left(route.LATENCY_BOUNDS, bound) for bound in LATENCY_BOUNDS), len(route.LATENCY_BOUNDS))
"""For each bucket of `LATENCY_BOUNDS` the one of the fewer bounds of usage that holds it."""
Tell = Callable[[int, list[str]], Awaitable[bool]]
Subject = tuple[str, str, str, str, int]
"""workspace, endpoint, key, user, version"""


def is_fault(status: int) -> bool:
    """Whether a failed call was no fault of its caller: ours, or a model that computes no finite number."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.UNPROCESSABLE_ENTITY


class Cell:
    """What was counted of one subject. `statuses` are those of failed calls."""

    __slots__ = ("latencies", "predictions", "requests", "seconds", "statuses")

    def __init__(self) -> None:
        self.requests = 0
        self.predictions = 0
        self.seconds = 0.0
        self.latencies = [0] * (len(BOUNDS) + 1)
        self.statuses: dict[int, int] = {}

    def add(self, other: "Cell") -> None:
        self.requests += other.requests
        self.predictions += other.predictions
        self.seconds += other.seconds
        self.latencies = [one + more for one, more in zip(self.latencies, other.latencies, strict=True)]
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count


Observe = Callable[[Subject, int, Cell], None]
"""Is handed what was counted of a subject in a minute since the last time."""


class Meter:
    """Counts by (workspace, endpoint, key, user, version) and minute."""

    def __init__(self, tell: Tell, observe: Observe) -> None:
        self._tell = tell
        self._observe = observe
        self._cells: dict[Subject, Cell] = {}
        self._waiting: dict[tuple[Subject, int], Cell] = {}
        self._minute = int(time.time() // 60)
        self._batch = time.time_ns()
        self._pending: list[str] = []
        self.lost = 0

    def count(self, subject: Subject, predictions: int, seconds: float) -> None:
        """Count a call that was answered."""
        cell = self._cells.get(subject)
        if cell is None:
            cell = self._open(subject)
        cell.requests += 1
        cell.predictions += predictions
        cell.seconds += seconds
        cell.latencies[bisect_left(BOUNDS, seconds)] += 1

    def count_explained(self, subject: Subject, predictions: int) -> None:
        """Count a call that was explained: its time says nothing of how quick predictions are."""
        cell = self._cells.get(subject) or self._open(subject)
        cell.requests += 1
        cell.predictions += predictions

    def count_failure(self, subject: Subject, status: int, seconds: float) -> None:
        """Count a call that was refused or failed, by the HTTP status that it got."""
        self.count(subject, 0, seconds)
        statuses = self._cells[subject].statuses
        statuses[status] = statuses.get(status, 0) + 1

    def _open(self, subject: Subject) -> Cell:
        if len(self._cells) >= MAX_CELLS:
            self.tick()
        return self._cells.setdefault(subject, Cell())

    def tick(self) -> None:
        """Hand on what was counted since the last tick: to the observer, and to what is to be told."""
        cells, self._cells = self._cells, {}
        for subject, cell in cells.items():
            self._observe(subject, self._minute, cell)
            self._put(subject, cell)
        self._minute = int(time.time() // 60)

    def _put(self, subject: Subject, cell: Cell) -> None:
        waiting = self._waiting.get((subject, self._minute))
        if waiting is not None:
            waiting.add(cell)
            return
        if len(self._waiting) >= MAX_CELLS:
            self._drop_oldest()
        self._waiting[subject, self._minute] = cell

    def _drop_oldest(self) -> None:
        if self.lost == 0:
            log.error("usage cannot be told for so long that the oldest is dropped")
        dropped = self._waiting.pop(next(iter(self._waiting)))
        self.lost += dropped.requests

    async def flush(self) -> None:
        """Tell everything that was counted. What cannot be told is kept and told again, never twice."""
        self.tick()
        while self._pending or self._waiting:
            if not self._pending:
                self._batch += 1
                self._pending = [self._take(place) for place in list(self._waiting)[:MAX_BATCH]]
            if not await self._tell(self._batch, self._pending):
                return
            self._pending = []

    def _take(self, place: tuple[Subject, int]) -> str:
        cell = self._waiting.pop(place)
        (workspace, endpoint, key, user, version), minute = place
        latencies = [0] * (len(route.LATENCY_BOUNDS) + 1)
        for bucket, count in zip(COARSE, cell.latencies, strict=True):
            latencies[bucket] += count
        usage = Usage(
            workspace=workspace,
            endpoint=endpoint,
            key=key,
            user=user,
            version=version,
            minute=minute,
            requests=cell.requests,
            predictions=cell.predictions,
            errors=sum(cell.statuses.values()),
            seconds=round(cell.seconds, 6),
            latencies=tuple(latencies),
            faults=sum(count for status, count in cell.statuses.items() if is_fault(status)),
        )
        return json.dumps(usage.to_json())
