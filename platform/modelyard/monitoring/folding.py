"""Folding what predictors observed into rows, every entry exactly once; and letting go of what is old."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.utils import timezone

from modelyard.contracts.observations import (
    OBSERVATIONS,
    CallCounts,
    Failure,
    Observation,
    Sketch,
    read_observation,
)
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.streams import fold_stream
from modelyard.monitoring.models import CallHour, FailedCall, InputHour

CALLS_KEPT = timedelta(days=90)
INPUTS_KEPT = timedelta(days=90)
FAILURES_KEPT = timedelta(days=14)
MOST_FAILURES = 200
"""Failed calls that are kept of an endpoint; the counts of all of them are in `CallHour`."""
Kind = TypeVar("Kind", CallCounts, Failure, Sketch)


def fold_observations() -> int:
    """Fold the stream of observations; return how many there were. Raises `RedisError`."""
    return fold_stream(OBSERVATIONS, "observation", _parse, _fold)


def forget_old() -> None:
    """Let go of what has been kept long enough."""
    now = timezone.now()
    CallHour.objects.filter(hour__lt=now - CALLS_KEPT).delete()
    InputHour.objects.filter(hour__lt=now - INPUTS_KEPT).delete()
    FailedCall.objects.filter(created_at__lt=now - FAILURES_KEPT).delete()


def add_sparse(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    """Add counts by name."""
    return {name: left.get(name, 0) + right.get(name, 0) for name in {**left, **right}}


def add_counts(left: Mapping[str, Iterable[int]], right: Mapping[str, Iterable[int]]) -> dict[str, list[int]]:
    """Add counts of bins by column. Another number of bins means another reference: then the newer ones stand."""
    added = {name: list(counts) for name, counts in left.items()}
    for name, counts in right.items():
        new, old = list(counts), added.get(name, [])
        added[name] = [one + other for one, other in zip(old, new, strict=True)] if len(old) == len(new) else new
    return added


def _parse(content: Mapping[str, Any]) -> Observation:
    """Raises `ValueError` or `OverflowError` for a place or time that cannot be."""
    observation = read_observation(content)
    UUID(observation.workspace)
    datetime.fromtimestamp(observation.at if isinstance(observation, Failure) else observation.hour, UTC)
    return observation


def _fold(observations: list[Observation]) -> None:
    endpoints = _find_endpoints(observations)
    _fold_calls(_by_endpoint(observations, CallCounts, endpoints))
    _fold_sketches(_by_endpoint(observations, Sketch, endpoints))
    for endpoint, failures in _by_endpoint(observations, Failure, endpoints).items():
        FailedCall.objects.bulk_create(_failed_call(endpoint, failure) for failure in failures)
        _forget_surplus(endpoint)


def _find_endpoints(observations: Iterable[Observation]) -> dict[tuple[str, str], Endpoint]:
    """The endpoints that still exist, by workspace and name."""
    workspaces = {UUID(observation.workspace) for observation in observations}
    names = {observation.endpoint for observation in observations}
    found = Endpoint.objects.filter(workspace_id__in=workspaces, name__in=names)
    return {(str(endpoint.workspace_id), endpoint.name): endpoint for endpoint in found}


def _by_endpoint(
    observations: Iterable[Observation], kind: type[Kind], endpoints: Mapping[tuple[str, str], Endpoint]
) -> dict[Endpoint, list[Kind]]:
    grouped: dict[Endpoint, list[Kind]] = defaultdict(list)
    for observation in observations:
        endpoint = endpoints.get((observation.workspace, observation.endpoint))
        if endpoint is not None and isinstance(observation, kind):
            grouped[endpoint].append(observation)
    return grouped


def _fold_calls(grouped: Mapping[Endpoint, Iterable[CallCounts]]) -> None:
    for endpoint, all_counts in grouped.items():
        for counts in all_counts:
            hour = datetime.fromtimestamp(counts.hour, UTC)
            row, _made = CallHour.objects.get_or_create(endpoint=endpoint, version=counts.version, hour=hour)
            row.calls += counts.calls
            row.rows += counts.rows
            row.seconds += counts.seconds
            row.statuses = add_sparse(row.statuses, counts.statuses)
            row.latencies = add_sparse(row.latencies, counts.latencies)
            row.save()


def _fold_sketches(grouped: Mapping[Endpoint, Iterable[Sketch]]) -> None:
    for endpoint, sketches in grouped.items():
        for sketch in sketches:
            hour = datetime.fromtimestamp(sketch.hour, UTC)
            row, _made = InputHour.objects.get_or_create(endpoint=endpoint, version=sketch.version, hour=hour)
            row.rows += sketch.rows
            row.counts = add_counts(row.counts, sketch.counts)
            row.save()


def _failed_call(endpoint: Endpoint, failure: Failure) -> FailedCall:
    return FailedCall(
        endpoint=endpoint,
        version=failure.version,
        created_at=datetime.fromtimestamp(failure.at, UTC),
        status=failure.status,
        message=_storable(failure.message, 300),
        withheld=failure.withheld,
        row=failure.row,
        column=_storable(failure.column, 200),
        key=_storable(failure.key, 8),
        request_id=_storable(failure.request_id, 64),
    )


def _storable(text: str, most: int) -> str:
    """What PostgreSQL takes: no NUL, no halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]


def _forget_surplus(endpoint: Endpoint) -> None:
    kept = FailedCall.objects.filter(endpoint=endpoint).order_by("-created_at").values_list("pk", flat=True)
    FailedCall.objects.filter(endpoint=endpoint).exclude(pk__in=list(kept[:MOST_FAILURES])).delete()
