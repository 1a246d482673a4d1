"""How long a workspace keeps things, and the end of what was kept long enough: work of the clock."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone

from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import record, require_role
from modelyard.batches.models import BatchPrediction
from modelyard.batches.settling import delete_batch
from modelyard.datasets.models import Dataset
from modelyard.datasets.services import delete_dataset
from modelyard.errors import Conflict
from modelyard.keeping.erasing import erase_runs
from modelyard.keeping.models import Retention
from modelyard.leased_work import TERMINAL
from modelyard.monitoring.models import FailedCall
from modelyard.runs.models import TrainingRun

log = logging.getLogger(__name__)
FIELDS = ("datasets", "runs", "batches", "failed_calls")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How much was deleted because its time was over."""

    datasets: int = 0
    runs: int = 0
    batches: int = 0
    failed_calls: int = 0


@transaction.atomic
def set_retention(
    workspace: Workspace, days: dict[str, int | None], *, by: User, request: HttpRequest | None = None
) -> Retention:
    """Say how many days of each of `FIELDS` are kept, None for ever. Raises `NotAllowed`."""
    require_role(by, workspace, Role.OWNER)
    retention, _made = Retention.objects.update_or_create(workspace=workspace, defaults=days)
    record("workspace.retention", str(workspace.pk), by=by, workspace=workspace, request=request, **days)
    return retention


def apply_retention() -> list[Ended]:
    """Delete what is older than its workspace keeps it. What is in use stays until it no longer is."""
    return [_apply(retention) for retention in Retention.objects.select_related("workspace")]


def _apply(retention: Retention) -> Ended:
    workspace = retention.workspace
    return Ended(
        datasets=_end_datasets(workspace, retention.datasets),
        runs=_end_runs(workspace, retention.runs),
        batches=_end_batches(workspace, retention.batches),
        failed_calls=_end_failed_calls(workspace, retention.failed_calls),
    )


def _end_datasets(workspace: Workspace, days: int | None) -> int:
    """A data set's time begins with its newest version."""
    if days is None:
        return 0
    dated = Dataset.objects.filter(workspace=workspace).annotate(newest=Max("versions__created_at"))
    count = 0
    for dataset in dated.filter(newest__lt=timezone.now() - timedelta(days=days)).select_related("workspace"):
        try:
            delete_dataset(dataset, by=None)
            count += 1
        except Conflict as fault:
            log.info("data set %s is kept for now: %s", dataset.pk, fault)
    return count


def _end_runs(workspace: Workspace, days: int | None) -> int:
    """Models that runs have made stay."""
    if days is None:
        return 0
    oldest = timezone.now() - timedelta(days=days)
    ended = TrainingRun.objects.filter(workspace=workspace, state__in=TERMINAL, ended_at__lt=oldest)
    count = ended.count()
    if count:
        erase_runs(ended, by=None)
    return count


def _end_batches(workspace: Workspace, days: int | None) -> int:
    if days is None:
        return 0
    oldest = timezone.now() - timedelta(days=days)
    ended = BatchPrediction.objects.filter(workspace=workspace, state__in=TERMINAL, ended_at__lt=oldest)
    found = list(ended.select_related("workspace"))
    for batch in found:
        delete_batch(batch, by=None)
    return len(found)


def _end_failed_calls(workspace: Workspace, days: int | None) -> int:
    if days is None:
        return 0
    oldest = timezone.now() - timedelta(days=days)
    deleted, _rows = FailedCall.objects.filter(endpoint__workspace=workspace, created_at__lt=oldest).delete()
    return deleted
