"""What was counted is told once, however often the telling fails."""

import json
from collections import Counter
from collections.abc import Mapping

import pytest

from modelyard.contracts.observations import CallCounts, read_observation
from modelyard.contracts.route import Usage
from workers.serving.monitoring.monitor import Monitor

SUBJECT = ("11111111-1111-1111-1111-111111111111", "people", "key", "user", 1)


class Platform:
    """What is told, by number of batch; while it is `away` nothing is."""

    def __init__(self) -> None:
        self.away = False
        self.batches: dict[int, tuple[Mapping[str, Mapping[str, int]], list[str]]] = {}
        self.usages: dict[int, list[str]] = {}

    async def tell_usage(self, batch: int, entries: list[str]) -> bool:
        if not self.away:
            self.usages[batch] = entries
        return not self.away

    async def tell(self, batch: int, live: Mapping[str, Mapping[str, int]], entries: list[str]) -> bool:
        if not self.away:
            assert batch not in self.batches, "told twice"
            self.batches[batch] = (live, entries)
        return not self.away

    def live(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for live, _entries in self.batches.values():
            for fields in live.values():
                counts.update(fields)
        return counts

    def hours(self) -> list[CallCounts]:
        entries = [entry for _live, entries in self.batches.values() for entry in entries]
        found = [read_observation(json.loads(entry)) for entry in entries]
        return [one for one in found if isinstance(one, CallCounts)]

    def usage(self) -> list[Usage]:
        return [Usage.from_json(json.loads(entry)) for entries in self.usages.values() for entry in entries]


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.mark.asyncio
async def test_counts_reach_everybody_who_wants_them(platform: Platform) -> None:
    monitor = Monitor(platform.tell_usage, platform.tell)
    monitor.meter.count(SUBJECT, 3, 0.0012)
    monitor.meter.count_failure(SUBJECT, 422, 0.5)
    monitor.meter.count_failure(SUBJECT, 400, 0.0001)
    await monitor.tick()
    await monitor.flush()
    assert platform.live()["1:calls"] == 3
    assert platform.live()["1:status:400"] == 1
    (hour,) = platform.hours()
    assert (hour.calls, hour.rows, hour.statuses) == (3, 3, {"422": 1, "400": 1})
    (usage,) = platform.usage()
    assert (usage.requests, usage.predictions, usage.errors, usage.faults) == (3, 3, 2, 1)
    assert usage.latencies == (1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0)
    assert monitor.observer.totals[SUBJECT[0], "people", 1].requests == 3


@pytest.mark.asyncio
async def test_what_cannot_be_told_is_told_later_and_once(platform: Platform) -> None:
    monitor = Monitor(platform.tell_usage, platform.tell)
    platform.away = True
    for _ in range(5):
        monitor.meter.count(SUBJECT, 1, 0.002)
        await monitor.tick()
    assert not platform.batches
    assert monitor.observer.totals[SUBJECT[0], "people", 1].requests == 5, "metrics need nobody who listens"
    platform.away = False
    await monitor.tick()
    await monitor.tick()
    await monitor.flush()
    assert platform.live()["1:calls"] == 5
    assert sum(hour.calls for hour in platform.hours()) == 5
    assert sum(usage.requests for usage in platform.usage()) == 5
