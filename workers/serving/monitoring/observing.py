"""What the meter counted, added up for people: counts of the last minutes, of the hour, and since the start."""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping

from modelyard.contracts.observations import LIVE_SECONDS, SLOT_SECONDS, CallCounts, live_key
from workers.serving.usage import Cell, Subject

MOST_TOTALS = 10_000
MOST_HOURS = 5_000
Place = tuple[str, str, int]
"""workspace, endpoint, version; 0 where the call was refused before one was chosen"""
Tell = Callable[[int, Mapping[str, Mapping[str, int]], list[str]], Awaitable[bool]]
"""Is given the number of a batch, live counts by key and field, and entries of the stream; true when all is told."""


class Observer:
    """Takes what was counted from the meter. `totals` only grow while the process lives."""

    def __init__(self) -> None:
        self.totals: dict[Place, Cell] = {}
        self._live: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._hours: dict[tuple[Place, int], Cell] = {}

    def observe(self, subject: Subject, minute: int, cell: Cell) -> None:
        workspace, endpoint, _key, _user, version = subject
        place = (workspace, endpoint, version)
        if len(self.totals) < MOST_TOTALS or place in self.totals:
            self.totals.setdefault(place, Cell()).add(cell)
        hour = minute // 60 * 3600
        if len(self._hours) < MOST_HOURS or (place, hour) in self._hours:
            self._hours.setdefault((place, hour), Cell()).add(cell)
        counts = self._live[live_key(f"{workspace}/{endpoint}", int(time.time() // SLOT_SECONDS))]
        for name, count in _live_counts(cell):
            counts[f"{version}:{name}"] += count

    def take_live(self) -> dict[str, dict[str, int]]:
        """Return the counts of the last seconds by key and field; those that nobody wants any more are left out."""
        oldest = int((time.time() - LIVE_SECONDS) // SLOT_SECONDS)
        taken = {key: dict(counts) for key, counts in self._live.items() if int(key.rpartition(":")[2]) > oldest}
        self._live.clear()
        return taken

    def take_hours(self) -> list[CallCounts]:
        taken = [_counts_of(place, hour, cell) for (place, hour), cell in self._hours.items()]
        self._hours.clear()
        return taken


def _live_counts(cell: Cell) -> Iterator[tuple[str, int]]:
    yield "calls", cell.requests
    if cell.predictions:
        yield "rows", cell.predictions
    for status, count in cell.statuses.items():
        yield f"status:{status}", count
    for bucket, count in enumerate(cell.latencies):
        if count:
            yield f"latency:{bucket}", count


def _counts_of(place: Place, hour: int, cell: Cell) -> CallCounts:
    workspace, endpoint, version = place
    return CallCounts(
        workspace=workspace,
        endpoint=endpoint,
        version=version,
        hour=hour,
        calls=cell.requests,
        rows=cell.predictions,
        seconds=round(cell.seconds, 6),
        statuses={str(status): count for status, count in cell.statuses.items()},
        latencies={str(bucket): count for bucket, count in enumerate(cell.latencies) if count},
    )
