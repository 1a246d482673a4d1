"""Periodic repair of batch predictions, and the end of results whose time is over. Every step is conditional."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from modelyard import leasing, storage
from modelyard.batches.models import BatchPrediction
from modelyard.batches.settling import cancel_waiting, clear, expire_result
from modelyard.datasets.models import Upload
from modelyard.leased_work import TERMINAL, Failure, WorkState

LOST = Failure(
    code="infra",
    message=gettext_noop("Three workers in a row were lost while they answered this file."),
    hint=gettext_noop("Nothing was charged. Upload the file again; if it is lost once more, tell the operator."),
)


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """How much there was to do."""

    requeued: int = 0
    given_up: int = 0
    cancelled: int = 0
    rung: int = 0
    expired: int = 0
    refunded: int = 0


def reconcile() -> Repairs:
    """Requeue or give up lost work, cancel what waits for that, ring again, delete old results, refund leaks."""
    batches = BatchPrediction.objects.select_related("workspace")
    leasing.shorten_leases(BatchPrediction)
    outcomes = [leasing.take_back(batch, LOST, clear) for batch in batches.expired()]
    waiting = batches.filter(state=WorkState.QUEUED, cancel_requested=True)
    outdated = batches.filter(result_size__isnull=False, expires_at__lt=timezone.now())
    for kind, find_rows in OWNERS.items():
        storage.sweep(kind, find_rows)
    return Repairs(
        requeued=outcomes.count(WorkState.QUEUED),
        given_up=outcomes.count(WorkState.FAILED),
        cancelled=sum(cancel_waiting(batch) for batch in waiting),
        rung=leasing.ring_again(BatchPrediction),
        expired=sum(expire_result(batch) for batch in outdated),
        refunded=leasing.clear_leaks(BatchPrediction, clear),
    )


def _find_unfinished(subjects: Collection[UUID]) -> Collection[UUID]:
    return BatchPrediction.objects.unfinished().filter(pk__in=subjects).values_list("pk", flat=True)


def _find_kept(subjects: Collection[UUID]) -> Collection[UUID]:
    """Those whose result is to be there, or may come to be."""
    kept = Q(result_size__isnull=False) | ~Q(state__in=TERMINAL)
    return BatchPrediction.objects.filter(kept, pk__in=subjects).values_list("pk", flat=True)


def _find_arriving(subjects: Collection[UUID]) -> Collection[UUID]:
    """Those that wait or are answered, or whose file has been moved and is to become one."""
    uploads = Upload.objects.unfinished().filter(pk__in=subjects).values_list("pk", flat=True)
    return {*uploads, *_find_unfinished(subjects)}


OWNERS: Mapping[str, storage.Finder] = {
    "batches": _find_arriving,
    "scoring": _find_unfinished,
    "predictions": _find_kept,
}
"""Who wants files of each kind."""
