"""The calls of an endpoint, of the last minutes (from Redis) and of the last days (from folded hours)."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone
from redis.exceptions import RedisError

from modelyard.contracts.observations import LATENCY_BOUNDS, SLOT_SECONDS, live_key
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.states import read_reports
from modelyard.monitoring.models import CallHour
from modelyard.redis_connection import redis

SHOWN_SECONDS = 600
RECENT_SECONDS = 60
COLUMN_SECONDS = 10
NOW_SLOTS = 2
"""The rate of now is that of this many whole slots and the one that has begun."""


@dataclass(kw_only=True)
class Calls:
    """Calls added up. `statuses` are those of failed calls, `versions` count calls; 0 where none was chosen."""

    calls: int = 0
    rows: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)
    versions: Counter[int] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return self.statuses.total()

    @property
    def failed_share(self) -> float:
        return self.failed / self.calls if self.calls else 0.0

    def quantile_ms(self, share: float) -> float | None:
        """The latency below which `share` of the calls lie, interpolated in its bucket; None without calls."""
        return quantile_ms(self.latencies, share)

    def add_fields(self, fields: Mapping[str, str]) -> None:
        """Add the counts of a slot (`contracts.observations`); what is not known of them is left out."""
        for name, text in fields.items():
            version, what, *number = name.split(":")
            count = int(text)
            if what == "calls":
                self.calls += count
                self.versions[int(version)] += count
            elif what == "rows":
                self.rows += count
            elif what == "status":
                self.statuses[int(number[0])] += count
            elif what == "latency":
                self.latencies[int(number[0])] += count

    def add_hour(self, row: CallHour) -> None:
        self.calls += row.calls
        self.rows += row.rows
        self.versions[row.version] += row.calls
        self.statuses.update({int(status): count for status, count in row.statuses.items()})
        self.latencies.update({int(bucket): count for bucket, count in row.latencies.items()})


@dataclass(frozen=True, kw_only=True)
class Column:
    """The calls of `COLUMN_SECONDS` seconds, beginning `ago` seconds before now."""

    ago: int
    calls: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Live:
    """What goes on now. `recent` is the last minute, `shown` all of the columns; `reachable`: Redis answered."""

    reachable: bool
    rate: float = 0.0
    recent: Calls = field(default_factory=Calls)
    shown: Calls = field(default_factory=Calls)
    columns: list[Column] = field(default_factory=list)
    predictors: int = 0


def watch_live(endpoint: Endpoint, now: float | None = None) -> Live:
    """Add up what all predictors counted in the last minutes."""
    at = time.time() if now is None else now
    current = int(at // SLOT_SECONDS)
    oldest = current - SHOWN_SECONDS // SLOT_SECONDS + 1
    try:
        slots = _read_slots(endpoint, range(oldest, current + 1))
    except (RedisError, OSError):
        return Live(reachable=False)
    recent = _add_up(slots, since=current - RECENT_SECONDS // SLOT_SECONDS)
    latest = _add_up(slots, since=current - NOW_SLOTS)
    return Live(
        reachable=True,
        rate=latest.calls / (at - (current - NOW_SLOTS) * SLOT_SECONDS),
        recent=recent,
        shown=_add_up(slots, since=oldest),
        columns=_columns_of(slots, oldest, current),
        predictors=len(read_reports()),
    )


def calls_since(endpoint: Endpoint, since: datetime) -> Calls:
    """The calls of whole hours from then on."""
    calls = Calls()
    for row in CallHour.objects.filter(endpoint=endpoint, hour__gte=since).iterator():
        calls.add_hour(row)
    return calls


def hours_back(hours: int) -> datetime:
    """The beginning of the hour that is the first of the last `hours`, the current one included."""
    whole = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole - timedelta(hours=hours - 1)


def quantile_ms(latencies: Mapping[int, int], share: float) -> float | None:
    """The latency below which `share` of the calls lie, by buckets of `LATENCY_BOUNDS`."""
    wanted, below = sum(latencies.values()) * share, 0
    for bucket in sorted(latencies):
        count = latencies[bucket]
        if count and below + count >= wanted:
            low = LATENCY_BOUNDS[bucket - 1] if bucket else 0.0
            high = LATENCY_BOUNDS[min(bucket, len(LATENCY_BOUNDS) - 1)]
            return low + (high - low) * max(0.0, wanted - below) / count
        below += count
    return None


def _read_slots(endpoint: Endpoint, numbers: Iterable[int]) -> dict[int, Calls]:
    wanted = list(numbers)
    pipeline = redis().pipeline(transaction=False)
    for number in wanted:
        pipeline.hgetall(live_key(endpoint.route_field, number))
    found: list[Any] = pipeline.execute()
    slots = {}
    for number, fields in zip(wanted, found, strict=True):
        slots[number] = Calls()
        slots[number].add_fields(fields)
    return slots


def _add_up(slots: Mapping[int, Calls], *, since: int) -> Calls:
    total = Calls()
    for number, calls in slots.items():
        if number >= since:
            total.calls += calls.calls
            total.rows += calls.rows
            total.statuses.update(calls.statuses)
            total.latencies.update(calls.latencies)
            total.versions.update(calls.versions)
    return total


def _columns_of(slots: Mapping[int, Calls], oldest: int, current: int) -> list[Column]:
    step = COLUMN_SECONDS // SLOT_SECONDS
    columns = []
    for first in range(oldest, current + 1, step):
        parts = [slots[number] for number in range(first, min(first + step, current + 1))]
        columns.append(
            Column(
                ago=(current + 1 - first) * SLOT_SECONDS,
                calls=sum(part.calls for part in parts),
                failed=sum(part.failed for part in parts),
            )
        )
    return columns
