"""`GET /metrics` of the web process: what the platform has to do. Predictors have a `/metrics` of their own."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from modelyard.contracts.observations import OBSERVATIONS
from modelyard.contracts.route import USAGE
from modelyard.datasets.models import DatasetVersion, VersionState
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.states import TITLES, read_reports, state_of
from modelyard.exposition import CONTENT_TYPE, Figure, Metric, may_read, write_exposition
from modelyard.jobs import QUEUES, count_waiting
from modelyard.redis_connection import redis
from modelyard.runs.models import RunState, TrainingRun, Worker

ALIVE = timedelta(seconds=60)
METRICS = (
    Metric(name="modelyard_runs", kind="gauge", help="Training runs, by state."),
    Metric(name="modelyard_data_set_versions", kind="gauge", help="Versions of data sets, by state."),
    Metric(name="modelyard_endpoints", kind="gauge", help="Endpoints, by how the predictors say they are."),
    Metric(name="modelyard_workers_alive", kind="gauge", help="Worker processes heard of within a minute."),
    Metric(name="modelyard_predictors_alive", kind="gauge", help="Predictor processes heard of within 15 seconds."),
    Metric(name="modelyard_jobs_waiting", kind="gauge", help="Messages that no worker has taken, by queue."),
    Metric(name="modelyard_unfolded_entries", kind="gauge", help="What predictors told and nobody has folded yet."),
    Metric(name="modelyard_redis_up", kind="gauge", help="1 if Redis answers."),
)


@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for whoever may read them."""
    environment = settings.ENVIRONMENT
    headers = [name.lower() for name in request.headers]
    authorization, peer = request.headers.get("Authorization", ""), request.META.get("REMOTE_ADDR", "")
    if not may_read(environment.metrics_token, authorization=authorization, peer=peer, headers=headers):
        words = "metrics are for MODELYARD_METRICS_TOKEN as a Bearer token, or without one for this machine alone"
        return JsonResponse({"error": {"message": words, "code": "not_allowed"}}, status=403)
    figures = [*_of_rows(), *_of_endpoints(), *_of_redis()]
    return HttpResponse(write_exposition(METRICS, figures), content_type=CONTENT_TYPE)


def _of_rows() -> Iterator[Figure]:
    runs = dict(TrainingRun.objects.values_list("state").annotate(Count("pk")))
    versions = dict(DatasetVersion.objects.values_list("state").annotate(Count("pk")))
    yield from _by_state("modelyard_runs", RunState.values, runs)
    yield from _by_state("modelyard_data_set_versions", VersionState.values, versions)
    alive = Worker.objects.filter(seen_at__gte=timezone.now() - ALIVE).count()
    yield Figure(metric="modelyard_workers_alive", labels={}, value=alive)


def _of_endpoints() -> Iterator[Figure]:
    reports = read_reports()
    endpoints = Endpoint.objects.prefetch_related("targets__version")
    states = Counter(state_of(endpoint, reports).state for endpoint in endpoints)
    yield from _by_state("modelyard_endpoints", list(TITLES), states)
    yield Figure(metric="modelyard_predictors_alive", labels={}, value=len(reports))


def _of_redis() -> Iterator[Figure]:
    try:
        waiting = [(queue, count_waiting(job)) for job, queue in QUEUES.items()]
        unfolded: list[tuple[str, Any]] = [(stream, redis().xlen(stream)) for stream in (USAGE, OBSERVATIONS)]
    except (RedisError, OSError):
        yield Figure(metric="modelyard_redis_up", labels={}, value=0)
        return
    yield Figure(metric="modelyard_redis_up", labels={}, value=1)
    for queue, count in waiting:
        yield Figure(metric="modelyard_jobs_waiting", labels={"queue": queue}, value=count)
    for stream, length in unfolded:
        labels = {"stream": stream.partition(":")[2]}
        yield Figure(metric="modelyard_unfolded_entries", labels=labels, value=length)


def _by_state(metric: str, states: Any, counts: Any) -> Iterator[Figure]:
    for state in states:
        yield Figure(metric=metric, labels={"state": str(state)}, value=counts.get(state, 0))
