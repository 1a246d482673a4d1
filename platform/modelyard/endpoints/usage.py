"""What was used: predictions by day, endpoint, key and person, training time, storage."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db.models import QuerySet

from modelyard.accounts.models import ApiKey, User, Workspace
from modelyard.contracts.route import LATENCY_BOUNDS
from modelyard.endpoints.costing import Charge, add_up, list_charges
from modelyard.endpoints.folding import add_counts
from modelyard.endpoints.models import Endpoint, PredictionUsage
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.quotas.pricing import Cost
from modelyard.runs.models import TrainingRun

Grouping = Literal["day", "endpoint", "key", "user"]
GROUPINGS: tuple[Grouping, ...] = ("day", "endpoint", "key", "user")


@dataclass(kw_only=True)
class Calls:
    """Calls added up. `predictions` are rows answered."""

    requests: int = 0
    predictions: int = 0
    errors: int = 0
    seconds: float = 0.0
    latencies: list[int] = field(default_factory=list)

    def add(self, row: PredictionUsage) -> None:
        self.requests += row.requests
        self.predictions += row.predictions
        self.errors += row.errors
        self.seconds += row.seconds
        self.latencies = add_counts(self.latencies, row.latencies)

    def mean_ms(self) -> float | None:
        return self.seconds / self.requests * 1000 if self.requests else None

    def quantile_ms(self, share: float) -> float | None:
        return quantile_ms(self.latencies, share)

    def p95_ms(self) -> float | None:
        return self.quantile_ms(0.95)


@dataclass(frozen=True, kw_only=True)
class UsageLine:
    """One group. `training_seconds` is None where training has no such group: it needs neither endpoint nor key.

    `cost` is of what the group can be charged for: storage only where days are the groups, and in total.
    """

    group: str
    title: str
    calls: Calls
    training_seconds: float | None
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, kw_only=True)
class UsageReport:
    """Everything between two moments, in groups and in total. `storage_bytes` is what is held now."""

    lines: list[UsageLine]
    total: UsageLine
    storage_bytes: int


@dataclass(frozen=True, kw_only=True)
class TrafficHour:
    """The calls of one hour."""

    hour: datetime
    calls: Calls


def report_usage(workspace: Workspace, start: datetime, end: datetime, grouping: Grouping) -> UsageReport:
    """Add up what `workspace` used from `start` until `end`."""
    rows = PredictionUsage.objects.filter(workspace=workspace, hour__gte=start, hour__lt=end)
    runs = TrainingRun.objects.filter(workspace=workspace, ended_at__gte=start, ended_at__lt=end)
    calls = _grouped(rows, _group_of(grouping))
    training = _training_by(grouping, runs)
    charges = list(list_charges(start, end, workspace))
    costs = {group: cost for group, cost in add_up(charges, _payer_of(grouping)).items() if cost}
    groups = calls.keys() | (training or {}).keys() | costs.keys()
    titles = _titles(workspace, grouping, groups)
    lines = [
        UsageLine(
            group=group,
            title=titles.get(group, group),
            calls=calls.get(group, Calls()),
            training_seconds=training.get(group, 0.0) if training is not None else None,
            cost=costs.get(group, Cost()),
        )
        for group in sorted(groups)
    ]
    total = UsageLine(
        group="",
        title="",
        calls=_grouped(rows, lambda row: "").get("", Calls()),
        training_seconds=sum(_seconds_of(run) for run in runs),
        cost=add_up(charges, lambda charge: "").get("", Cost()),
    )
    return UsageReport(lines=lines, total=total, storage_bytes=_storage_of(workspace))


def traffic_of(endpoint: Endpoint, *, hours: int, now: datetime) -> list[TrafficHour]:
    """The last `hours` hours of an endpoint, the quiet ones included, the current one last."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    times = [last - timedelta(hours=back) for back in range(hours - 1, -1, -1)]
    rows = PredictionUsage.objects.filter(workspace=endpoint.workspace_id, endpoint=endpoint.name, hour__gte=times[0])
    found = _grouped(rows, lambda row: row.hour.astimezone(UTC).isoformat())
    return [TrafficHour(hour=hour, calls=found.get(hour.isoformat(), Calls())) for hour in times]


def calls_by_endpoint(workspace: Workspace, *, since: datetime) -> dict[str, Calls]:
    """The calls of every endpoint since then, by name."""
    rows = PredictionUsage.objects.filter(workspace=workspace, hour__gte=since)
    return _grouped(rows, lambda row: row.endpoint)


def calls_by_version(endpoint: Endpoint, *, since: datetime) -> dict[int, Calls]:
    """The calls that each version behind an endpoint answered since then."""
    rows = PredictionUsage.objects.filter(workspace=endpoint.workspace_id, endpoint=endpoint.name, hour__gte=since)
    return {int(number): calls for number, calls in _grouped(rows, lambda row: str(row.version)).items()}


def quantile_ms(latencies: Iterable[int], share: float) -> float | None:
    """The latency below which `share` of the calls lie, interpolated in its bucket; the last one gives its bound."""
    counts = list(latencies)
    wanted, below = sum(counts) * share, 0
    if not wanted:
        return None
    for index, count in enumerate(counts):
        if below + count >= wanted and count:
            low = LATENCY_BOUNDS[index - 1] if index else 0
            high = LATENCY_BOUNDS[index] if index < len(LATENCY_BOUNDS) else LATENCY_BOUNDS[-1]
            return low + (high - low) * (wanted - below) / count if high > low else float(low)
        below += count
    return float(LATENCY_BOUNDS[-1])


def _grouped(rows: QuerySet[PredictionUsage], group_of: Callable[[PredictionUsage], str]) -> dict[str, Calls]:
    found: dict[str, Calls] = {}
    for row in rows.iterator():
        found.setdefault(group_of(row), Calls()).add(row)
    return found


def _group_of(grouping: Grouping) -> Callable[[PredictionUsage], str]:
    readers: Mapping[Grouping, Callable[[PredictionUsage], str]] = {
        "day": lambda row: row.hour.astimezone(UTC).date().isoformat(),
        "endpoint": lambda row: row.endpoint,
        "key": lambda row: row.key,
        "user": lambda row: row.user,
    }
    return readers[grouping]


def _payer_of(grouping: Grouping) -> Callable[[Charge], str | None]:
    readers: Mapping[Grouping, Callable[[Charge], str | None]] = {
        "day": lambda charge: charge.day.isoformat(),
        "endpoint": lambda charge: charge.endpoint,
        "key": lambda charge: charge.key,
        "user": lambda charge: charge.user,
    }
    return readers[grouping]


def _training_by(grouping: Grouping, runs: QuerySet[TrainingRun]) -> dict[str, float] | None:
    if grouping not in ("day", "user"):
        return None
    spent: dict[str, float] = {}
    for run in runs:
        assert run.ended_at is not None
        group = run.ended_at.astimezone(UTC).date().isoformat() if grouping == "day" else str(run.created_by_id or "")
        spent[group] = spent.get(group, 0.0) + _seconds_of(run)
    return spent


def _seconds_of(run: TrainingRun) -> float:
    return float(run.usage.get("wall_seconds") or 0.0)


def _titles(workspace: Workspace, grouping: Grouping, groups: Iterable[str]) -> dict[str, str]:
    if grouping == "key":
        return dict(ApiKey.objects.filter(workspace=workspace, pk__in=list(groups)).values_list("pk", "name"))
    if grouping == "user":
        people = User.objects.filter(pk__in=[group for group in groups if group])
        return {str(person.pk): str(person) for person in people}
    return {}


def _storage_of(workspace: Workspace) -> int:
    return next(status.used for status in quotas.overview(workspace) if status.kind == STORAGE_BYTES.name)
