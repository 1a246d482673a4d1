"""Folding what predictors report into hourly rows, every entry exactly once."""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from modelyard.accounts.models import ApiKey, Workspace
from modelyard.contracts.route import LATENCY_BOUNDS, USAGE, Usage
from modelyard.endpoints.models import FoldedEntry, PredictionUsage
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.redis_connection import redis

log = logging.getLogger(__name__)
BATCH = 500
BEFORE_ALL = "0-0"
Place = tuple[str, str, str, str, int, datetime]
"""workspace, endpoint, key, user, version, hour"""


@dataclass(kw_only=True)
class Sum:
    """What was added up for one place."""

    requests: int = 0
    predictions: int = 0
    errors: int = 0
    seconds: float = 0.0
    latencies: list[int] = field(default_factory=lambda: [0] * (len(LATENCY_BOUNDS) + 1))

    def add(self, usage: Usage) -> None:
        self.requests += usage.requests
        self.predictions += usage.predictions
        self.errors += usage.errors
        self.seconds += usage.seconds
        self.latencies = add_counts(self.latencies, usage.latencies)


def fold_usage() -> int:
    """Fold the stream of usage into `PredictionUsage`, the quota and the keys' last use; return how many there were.

    Rows and the last folded id are written in one transaction; entries are deleted after it. Whoever crashes in between
    leaves entries that the next one skips, and two at a time wait for each other at the row. Raises `RedisError`.
    """
    FoldedEntry.objects.get_or_create(stream=USAGE, defaults={"last_id": BEFORE_ALL})
    folded = 0
    while True:
        with transaction.atomic():
            place = FoldedEntry.objects.select_for_update().get(stream=USAGE)
            entries = _read(place.last_id)
            if entries:
                _fold(usage for usage in (_parse(content) for _id, content in entries) if usage is not None)
                place.last_id = entries[-1][0]
                place.save(update_fields=["last_id"])
        redis().xtrim(USAGE, minid=_after(place.last_id), approximate=False)
        folded += len(entries)
        if len(entries) < BATCH:
            return folded


def add_counts(left: Iterable[int], right: Iterable[int]) -> list[int]:
    """Add two histograms of latencies, either of which may be empty."""
    ours, theirs = list(left), list(right)
    length = max(len(ours), len(theirs))
    ours += [0] * (length - len(ours))
    theirs += [0] * (length - len(theirs))
    return [one + other for one, other in zip(ours, theirs, strict=True)]


def _read(last_id: str) -> list[tuple[str, dict[str, str]]]:
    found: Any = redis().xrange(USAGE, min=f"({last_id}", count=BATCH)
    return [(str(entry), dict(content)) for entry, content in found]


def _parse(content: dict[str, str]) -> Usage | None:
    try:
        usage = Usage.from_json(json.loads(content["usage"]))
        UUID(usage.workspace)
        datetime.fromtimestamp(usage.minute * 60, UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as fault:
        log.warning("a usage entry could not be read and is left out: %s", fault)
        return None
    return usage


def _fold(usages: Iterable[Usage]) -> None:
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
    for key, used_at in last_use.items():
        _note_use(key, used_at)


def _add_to_row(workspace: Workspace, place: Place, total: Sum) -> None:
    _workspace, endpoint, key, user, version, hour = place
    found: dict[str, Any] = {"endpoint": endpoint, "key": key, "user": user, "version": version, "hour": hour}
    row, _made = PredictionUsage.objects.get_or_create(workspace=workspace, **found)
    row.requests += total.requests
    row.predictions += total.predictions
    row.errors += total.errors
    row.seconds += total.seconds
    row.latencies = add_counts(row.latencies, total.latencies)
    row.save()


def _note_use(key: str, minute: datetime) -> None:
    """A key was last used in this minute; the stream need not come in the order of time."""
    used_at = min(minute + timedelta(seconds=59), timezone.now())
    ApiKey.objects.filter(pk=key).exclude(last_used_at__gte=minute).update(last_used_at=used_at)


def _after(entry: str) -> str:
    milliseconds, sequence = entry.split("-")
    return f"{milliseconds}-{int(sequence) + 1}"
