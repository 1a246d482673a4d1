"""Periodic repair: what a killed worker, a wiped broker or a crash between two steps left behind.

Every step is conditional on what it found, so two reconcilers at once, or one against a worker that wakes up,
do no harm.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_noop

from modelyard import leasing, storage
from modelyard.leased_work import Failure
from modelyard.runs.models import RunState, TrainingRun
from modelyard.runs.settling import cancel_waiting, clear, refund

LOST = Failure(
    code="infra",
    message=gettext_noop("Three workers in a row were lost while they trained this."),
    hint=gettext_noop("Nothing was charged. Start it again; if it is lost once more, tell the operator."),
)


@dataclass(frozen=True, kw_only=True)
class Repairs:
    """How much there was to repair."""

    requeued: int = 0
    given_up: int = 0
    cancelled: int = 0
    rung: int = 0
    refunded: int = 0


def reconcile() -> Repairs:
    """Requeue or give up expired runs, cancel what waits to be cancelled, ring for what was not heard, refund leaks."""
    leasing.shorten_leases(TrainingRun)
    outcomes = [leasing.take_back(run, LOST, clear) for run in TrainingRun.objects.expired()]
    waiting = TrainingRun.objects.filter(state=RunState.QUEUED, cancel_requested=True)
    for kind, find_rows in OWNERS.items():
        storage.sweep(kind, find_rows)
    return Repairs(
        requeued=outcomes.count(RunState.QUEUED),
        given_up=outcomes.count(RunState.FAILED),
        cancelled=sum(cancel_waiting(run) for run in waiting),
        rung=leasing.ring_again(TrainingRun),
        refunded=leasing.clear_leaks(TrainingRun, refund),
    )


def _find_unfinished(subjects: Collection[UUID]) -> Collection[UUID]:
    return TrainingRun.objects.unfinished().filter(pk__in=subjects).values_list("pk", flat=True)


OWNERS: Mapping[str, storage.Finder] = {"runs": _find_unfinished}
"""Who wants files of each kind: an ended run wants none."""
