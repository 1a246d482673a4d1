"""Periodic repair: what a killed worker, a wiped broker or a crash between two steps left behind.

Every step is conditional on what it found, so two reconcilers at once, or one against a worker that wakes up,
do no harm.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

from modelyard import jobs
from modelyard.quotas.models import EntryState, UsageEntry
from modelyard.runs.holding import tell
from modelyard.runs.models import TERMINAL, RunState, TrainingRun
from modelyard.runs.settling import Failure, cancel_waiting, refund, remove_files

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
RING_AGAIN = timedelta(seconds=60)
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
    outcomes = [_take_back(run) for run in TrainingRun.objects.expired()]
    waiting = TrainingRun.objects.filter(state=RunState.QUEUED, cancel_requested=True)
    return Repairs(
        requeued=outcomes.count(RunState.QUEUED),
        given_up=outcomes.count(RunState.FAILED),
        cancelled=sum(cancel_waiting(run) for run in waiting),
        rung=_ring_again(),
        refunded=_refund_leaks(),
    )


def _take_back(run: TrainingRun) -> RunState | None:
    """Take a run from a worker that is not heard of: to the queue, or to an end after too many attempts."""
    expired = TrainingRun.objects.held_by(run).expired()
    with transaction.atomic():
        if run.attempt >= MOST_ATTEMPTS and not run.cancel_requested:
            state = RunState.FAILED
            changed = expired.update(
                state=state, ended_at=Now(), lease_owner="", lease_until=None, failure=LOST.to_json()
            )
        else:
            state = RunState.QUEUED
            changed = expired.update(state=state, lease_owner="", lease_until=None, phase="", rung_at=None)
        if not changed:
            return None
        if state == RunState.FAILED:
            refund(run)
            remove_files(run)
        tell(run)
    log.warning("run %s was taken from %s after attempt %d: %s", run.pk, run.lease_owner, run.attempt, state.value)
    return state


def _ring_again() -> int:
    """Ring for queued runs whose message may be lost; none where as many messages wait as runs."""
    queued = TrainingRun.objects.filter(state=RunState.QUEUED, cancel_requested=False)
    try:
        waiting = jobs.count_waiting("train")
    except RedisError:
        return 0
    if queued.count() <= waiting:
        return 0
    long_ago = ExpressionWrapper(Now() - Value(RING_AGAIN), output_field=DateTimeField())
    unheard = Q(rung_at=None) | Q(rung_at__lt=long_ago)
    rung = 0
    for run_id in queued.filter(unheard).order_by("created_at").values_list("pk", flat=True):
        if not TrainingRun.objects.filter(unheard, pk=run_id, state=RunState.QUEUED).update(rung_at=Now()):
            continue
        if not jobs.ring("train", str(run_id)):
            break
        rung += 1
    return rung


def _refund_leaks() -> int:
    """Give back reservations of runs that have ended or are gone; the transactions should leave none."""
    open_lines = UsageEntry.objects.filter(state=EntryState.RESERVED, subject__startswith="run:")
    subjects = {subject.partition(":")[2] for subject in open_lines.values_list("subject", flat=True)}
    leaking = TrainingRun.objects.filter(pk__in=subjects, state__in=TERMINAL).select_related("workspace")
    for run in leaking:
        log.error("run %s had ended with its reservation open", run.pk)
        refund(run)
    return len(leaking)
