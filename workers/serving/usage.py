"""Calls counted in memory and told to the platform about once a second; bounded while nobody listens."""

import json
import logging
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable

from modelyard.contracts.route import LATENCY_BOUNDS, Usage

log = logging.getLogger(__name__)

MAX_CELLS = 20_000
MAX_BATCH = 500
BOUNDS = tuple(bound / 1000 for bound in LATENCY_BOUNDS)
Tell = Callable[[int, list[str]], Awaitable[bool]]
Subject = tuple[str, str, str, str, int]


class Cell:
    """What was counted of one subject in one minute and not yet told."""

    __slots__ = ("errors", "latencies", "predictions", "requests", "seconds")

    def __init__(self) -> None:
        self.requests = 0
        self.predictions = 0
        self.errors = 0
        self.seconds = 0.0
        self.latencies = [0] * (len(BOUNDS) + 1)


class Meter:
    """Counts by (workspace, endpoint, key, user, version) and minute."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._cells: dict[tuple[Subject, int], Cell] = {}
        self._minute = 0
        self._batch = time.time_ns()
        self._pending: list[str] = []
        self.lost = 0

    def count(self, subject: Subject, predictions: int, failed: bool, seconds: float) -> None:
        cell = self._cells.get((subject, self._minute))
        if cell is None:
            cell = self._open(subject)
        cell.requests += 1
        cell.predictions += predictions
        cell.errors += failed
        cell.seconds += seconds
        cell.latencies[bisect_left(BOUNDS, seconds)] += 1

    def _open(self, subject: Subject) -> Cell:
        if len(self._cells) >= MAX_CELLS:
            self._drop_oldest()
        return self._cells.setdefault((subject, self._minute), Cell())

    def _drop_oldest(self) -> None:
        if self.lost == 0:
            log.error("usage cannot be told for so long that the oldest is dropped")
        dropped = self._cells.pop(next(iter(self._cells)))
        self.lost += dropped.requests

    def tick(self) -> None:
        self._minute = int(time.time() // 60)

    async def flush(self) -> None:
        """Tell everything that was counted. What cannot be told is kept and told again, never twice."""
        while self._pending or self._cells:
            if not self._pending:
                self._batch += 1
                self._pending = [self._take(subject) for subject in list(self._cells)[:MAX_BATCH]]
            if not await self._tell(self._batch, self._pending):
                return
            self._pending = []

    def _take(self, subject: tuple[Subject, int]) -> str:
        cell = self._cells.pop(subject)
        (workspace, endpoint, key, user, version), minute = subject
        usage = Usage(
            workspace=workspace,
            endpoint=endpoint,
            key=key,
            user=user,
            version=version,
            minute=minute,
            requests=cell.requests,
            predictions=cell.predictions,
            errors=cell.errors,
            seconds=round(cell.seconds, 6),
            latencies=tuple(cell.latencies),
        )
        return json.dumps(usage.to_json())
