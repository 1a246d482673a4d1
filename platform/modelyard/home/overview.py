"""What the first page tells of a workspace: what is going on, what is ready, and what to do next."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from modelyard.accounts.models import Workspace
from modelyard.datasets.models import Dataset, DatasetVersion, VersionState
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.states import EndpointState, read_reports, state_of
from modelyard.endpoints.usage import Calls, calls_by_endpoint
from modelyard.monitoring.services import Warned, find_drifting
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import KINDS
from modelyard.quotas.services import QuotaStatus
from modelyard.registry.metrics import Headline, headline_of
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import RunState, TrainingRun
from modelyard.runs.services import queue_positions

SHOWN = 4
RECENTLY = timedelta(days=1)
Station = Literal["data", "train", "model", "endpoint"]


@dataclass(frozen=True, kw_only=True)
class Work:
    """A run that is not over, with its place in the queue while it waits."""

    run: TrainingRun
    position: int | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """A model version with its headline figure."""

    version: ModelVersion
    headline: Headline | None
    published: bool


@dataclass(frozen=True, kw_only=True)
class Service:
    """An endpoint, how it is, and the calls of the last day."""

    endpoint: Endpoint
    state: EndpointState
    calls: Calls


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything on the first page. `next` is the station of the spine that the workspace has yet to reach."""

    next: Station | None
    reading: list[DatasetVersion]
    work: list[Work]
    failed: list[TrainingRun]
    untrained: list[DatasetVersion]
    results: list[Result]
    services: list[Service]
    drifting: list[Warned]
    quotas: list[QuotaStatus]


def see_overview(workspace: Workspace) -> Overview:
    """Gather the first page in a fixed number of queries."""
    results, services = _results(workspace), _services(workspace)
    return Overview(
        next=_next_station(workspace, bool(results), bool(services)),
        reading=reading(workspace),
        work=see_work(workspace),
        failed=_failed(workspace),
        untrained=_untrained(workspace),
        results=results,
        services=services,
        drifting=find_drifting(workspace),
        quotas=[status for status in quotas.overview(workspace) if KINDS[status.kind].period != "rate"],
    )


def see_work(workspace: Workspace) -> list[Work]:
    """The runs that wait or train, oldest first."""
    unfinished = TrainingRun.objects.filter(workspace=workspace).unfinished()
    runs = list(unfinished.select_related("dataset_version__dataset").order_by("created_at")[:SHOWN])
    places = queue_positions() if any(run.state == RunState.QUEUED for run in runs) else {}
    return [Work(run=run, position=places.get(run.pk)) for run in runs]


def reading(workspace: Workspace) -> list[DatasetVersion]:
    """The versions that are being read."""
    return list(_versions(workspace).filter(state=VersionState.UPLOADED)[:SHOWN])


def _versions(workspace: Workspace) -> QuerySet[DatasetVersion]:
    return DatasetVersion.objects.filter(dataset__workspace=workspace).select_related("dataset").order_by("-created_at")


def _untrained(workspace: Workspace) -> list[DatasetVersion]:
    """Ready versions that nothing was trained on, the newest of each data set only."""
    newer = DatasetVersion.objects.filter(dataset=OuterRef("dataset"), number__gt=OuterRef("number"))
    ready = _versions(workspace).filter(~Exists(newer), state=VersionState.READY)
    return list(ready.annotate(tried=Count("runs")).filter(tried=0)[:SHOWN])


def _failed(workspace: Workspace) -> list[TrainingRun]:
    """Runs that failed in the last day and that nobody has run again since."""
    again = TrainingRun.objects.filter(
        dataset_version=OuterRef("dataset_version"), created_at__gt=OuterRef("created_at")
    )
    runs = TrainingRun.objects.filter(
        ~Exists(again), workspace=workspace, state=RunState.FAILED, ended_at__gte=timezone.now() - RECENTLY
    )
    return list(runs.order_by("-ended_at")[:SHOWN])


def _results(workspace: Workspace) -> list[Result]:
    versions = ModelVersion.objects.filter(model__workspace=workspace).select_related("model")
    return [
        Result(version=version, headline=headline_of(version.report), published=bool(version.targets.all()))
        for version in versions.prefetch_related("targets").order_by("-created_at")[:SHOWN]
    ]


def _services(workspace: Workspace) -> list[Service]:
    endpoints = (
        Endpoint.objects.filter(workspace=workspace).select_related("model").prefetch_related("targets__version")
    )
    calls = calls_by_endpoint(workspace, since=timezone.now() - RECENTLY)
    reports = read_reports()
    return [
        Service(endpoint=endpoint, state=state_of(endpoint, reports), calls=calls.get(endpoint.name, Calls()))
        for endpoint in endpoints.prefetch_related("targets__version").order_by("-created_at")[:SHOWN]
    ]


def _next_station(workspace: Workspace, modelled: bool, published: bool) -> Station | None:
    if published:
        return None
    if modelled:
        return "endpoint"
    if TrainingRun.objects.filter(workspace=workspace).unfinished().exists():
        return "model"
    return "train" if Dataset.objects.filter(workspace=workspace).exists() else "data"
