"""Folding what predictors report into hourly rows, every entry exactly once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from modelyard.accounts.models import ApiKey, Workspace
from modelyard.contracts.route import LATENCY_BOUNDS, USAGE, Usage
from modelyard.endpoints.models import FoldedEntry, PredictionUsage, Release, Verdict, VersionMinute
from modelyard.endpoints.streams import BEFORE_ALL, fold_stream
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS

Place = tuple[str, str, str, str, int, datetime]
"""workspace, endpoint, key, user, version, hour"""


@dataclass(kw_only=True)
class Sum:
    """What was added up for one place."""

    requests: int = 0
    predictions: int = 0
    errors: int = 0
    faults: int = 0
    seconds: float = 0.0
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))

    def add(self, usage: Usage) -> None:
        self.requests += usage.requests
        self.predictions += usage.predictions
        self.errors += usage.errors
        self.faults += usage.faults
        self.seconds += usage.seconds
        self.latencies = add_counts(self.latencies, usage.latencies)


def fold_usage() -> int:
    """Fold the stream of usage into `PredictionUsage`, the quota and the keys' last use; return how many there were.

    Raises `RedisError`.
    """
    return fold_stream(USAGE, "usage", _parse, _fold)


@transaction.atomic
def add_predictions(workspace: Workspace, *, endpoint: str, key: str, user: str, version: int, count: int) -> None:
    """Note predictions that no predictor made (a file's rows) for the current hour; the quota is the caller's.

    Folding and this wait for each other, since both add to what a row holds.
    """
    FoldedEntry.objects.get_or_create(stream=USAGE, defaults={"last_id": BEFORE_ALL})
    FoldedEntry.objects.select_for_update().get(stream=USAGE)
    hour = timezone.now().astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    _add_to_row(workspace, (str(workspace.pk), endpoint, key, user, version, hour), Sum(predictions=count))


def add_counts(left: Iterable[int], right: Iterable[int]) -> list[int]:
    """Add two histograms of latencies, either of which may be empty."""
    ours, theirs = list(left), list(right)
    length = max(len(ours), len(theirs))
    ours += [0] * (length - len(ours))
    theirs += [0] * (length - len(theirs))
    return [one + other for one, other in zip(ours, theirs, strict=True)]


def _parse(content: Mapping[str, Any]) -> Usage:
    """Raises `ValueError` or `OverflowError` for a place or time that cannot be."""
    usage = Usage.from_json(content)
    UUID(usage.workspace)
    datetime.fromtimestamp(usage.minute * 60, UTC)
    return usage


def _fold(usages: list[Usage]) -> None:
    sums: dict[Place, Sum] = defaultdict(Sum)
    last_use: dict[str, datetime] = {}
    for usage in usages:
        minute = datetime.fromtimestamp(usage.minute * 60, UTC)
        hour = minute.replace(minute=0)
        sums[usage.workspace, usage.endpoint, usage.key, usage.user, usage.version, hour].add(usage)
        last_use[usage.key] = max(minute, last_use.get(usage.key, minute))
    workspaces = {str(found.pk): found for found in Workspace.objects.filter(pk__in={place[0] for place in sums})}
    for place, total in sums.items():
        workspace = workspaces.get(place[0])
        if workspace is not None:
            _add_to_row(workspace, place, total)
            subject = f"predictions:{place[1]}"
            quotas.add_used(workspace, PREDICTIONS.name, total.predictions, subject=subject, at=place[5])
    _fold_watched(usages)
    for key, used_at in last_use.items():
        _note_use(key, used_at)


def _fold_watched(usages: list[Usage]) -> None:
    """Add up by the minute what the guards of releases look at."""
    watched = {
        (str(workspace), name): endpoint
        for workspace, name, endpoint in Release.objects.filter(verdict=Verdict.WATCHING).values_list(
            "endpoint__workspace_id", "endpoint__name", "endpoint_id"
        )
    }
    sums: dict[tuple[UUID, int, int], Sum] = defaultdict(Sum)
    for usage in usages:
        endpoint = watched.get((usage.workspace, usage.endpoint))
        if endpoint is not None:
            sums[endpoint, usage.version, usage.minute].add(usage)
    for (endpoint, version, minute), total in sums.items():
        at = datetime.fromtimestamp(minute * 60, UTC)
        row, _made = VersionMinute.objects.get_or_create(endpoint_id=endpoint, version=version, minute=at)
        row.requests += total.requests
        row.faults += total.faults
        row.latencies = add_counts(row.latencies, total.latencies)
        row.save()


def _add_to_row(workspace: Workspace, place: Place, total: Sum) -> None:
    _workspace, endpoint, key, user, version, hour = place
    found: dict[str, Any] = {"endpoint": endpoint, "key": key, "user": user, "version": version, "hour": hour}
    row, _made = PredictionUsage.objects.get_or_create(workspace=workspace, **found)
    row.requests += total.requests
    row.predictions += total.predictions
    row.errors += total.errors
    row.faults += total.faults
    row.seconds += total.seconds
    row.latencies = add_counts(row.latencies, total.latencies)
    row.save()


def _note_use(key: str, minute: datetime) -> None:
    """A key was last used in this minute; the stream need not come in the order of time."""
    used_at = min(minute + timedelta(seconds=59), timezone.now())
    ApiKey.objects.filter(pk=key).exclude(last_used_at__gte=minute).update(last_used_at=used_at)
