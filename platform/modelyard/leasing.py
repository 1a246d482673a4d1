"""What workers and the reconciler do with leased work: claim it, keep it, give it back, take it away, ring for it.

A claim draws a new fence. Each later write names the fence it was made with and changes nothing once the work was
claimed anew, so a worker that was thought dead and wakes up cannot disturb its successor.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now
from redis.exceptions import RedisError

from modelyard import jobs, live
from modelyard.contracts.crash_points import reach
from modelyard.leased_work import EXPIRED, TERMINAL, UNFINISHED, Failure, LeasedWork, Work, WorkState, held
from modelyard.quotas.models import EntryState, UsageEntry

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 3
RING_AGAIN = timedelta(seconds=60)


def claim(kind: type[Work], subject: UUID | str, worker: str, **fresh: Any) -> Work | None:
    """Take queued work for `worker`; None where somebody else has it, it has ended, or it is to be cancelled.

    `fresh` are columns that every attempt begins with.
    """
    with transaction.atomic():
        queued = _rows(kind).filter(pk=subject, state=WorkState.QUEUED, cancel_requested=False)
        claimed = queued.update(
            state=WorkState.RUNNING,
            attempt=F("attempt") + 1,
            fence=F("fence") + 1,
            lease_owner=worker,
            lease_until=_lease_end(),
            started_at=Coalesce("started_at", Now()),
            phase="starting",
            **fresh,
        )
        if not claimed:
            return None
        work = _rows(kind).get(pk=subject)
        reach("work.claim.before_commit")
    reach("work.claimed")
    tell(work)
    return work


def hold(work: Work) -> QuerySet[Work]:
    """The row of `work` for a write, empty once the work is no longer held by who read it."""
    return _rows(type(work)).filter(held(work))


def beat(work: LeasedWork) -> bool:
    """Renew the lease. False: the work is no longer this worker's, stop at once."""
    return hold(work).update(lease_until=_lease_end()) == 1


def read_wishes(work: Work) -> Work | None:
    """The row with what people asked for meanwhile; None where the work is no longer this worker's."""
    return hold(work).first()


def hand_back(work: LeasedWork, *, charged: bool) -> bool:
    """Put work that was not finished back into the queue; it goes on from where it stands.

    Not `charged`: the worker was asked to stop, which does not count as an attempt. Where a person has asked to cancel
    meanwhile, the next reconciliation sees to it.
    """
    with transaction.atomic():
        given = hold(work).update(
            state=WorkState.QUEUED,
            attempt=F("attempt") - (0 if charged else 1),
            lease_owner="",
            lease_until=None,
            phase="",
            rung_at=Now(),
        )
        if not given:
            return False
        jobs.enqueue(work.JOB, str(work.pk))
        tell(work)
        reach("work.hand_back.before_commit")
    return True


def end(work: LeasedWork, state: WorkState, **changes: Any) -> bool:
    """End held work, once. False: it is no longer this worker's, and nothing was written."""
    return hold(work).update(state=state, ended_at=Now(), lease_owner="", lease_until=None, **changes) == 1


def ask_to_cancel(work: LeasedWork) -> bool:
    """Note that a person wants the work to stop; False where it has ended. `work` is read again."""
    unfinished = _rows(type(work)).filter(pk=work.pk, state__in=UNFINISHED)
    asked = unfinished.update(cancel_requested=True)
    work.refresh_from_db()
    return asked == 1


def end_waiting(work: LeasedWork) -> bool:
    """End queued work that is to be cancelled. False where a worker has it, or it has ended."""
    waiting = _rows(type(work)).filter(pk=work.pk, state=WorkState.QUEUED, cancel_requested=True)
    return waiting.update(state=WorkState.CANCELLED, ended_at=Now()) == 1


def shorten_leases(kind: type[LeasedWork]) -> int:
    """Leases that last longer than any that is given: the clock of the database was set back. Returns how many.

    A worker that lives renews its own within a heartbeat; of one that is dead nobody would hear for as long otherwise.
    """
    endless = _rows(kind).filter(state=WorkState.RUNNING, lease_until__gt=_lease_end())
    return endless.update(lease_until=_lease_end())


def take_back(work: Work, lost: Failure, clear: Callable[[Work], None]) -> WorkState | None:
    """Take work from a worker that is not heard of: to the queue, or to an end after too many attempts.

    `clear` gives back what ended work held. None where the worker was heard of meanwhile.
    """
    expired = hold(work).filter(EXPIRED)
    given_up = work.attempt >= MOST_ATTEMPTS and not work.cancel_requested
    state = WorkState.FAILED if given_up else WorkState.QUEUED
    with transaction.atomic():
        if given_up:
            ended: dict[str, Any] = {"ended_at": Now(), "failure": lost.to_json()}
            changed = expired.update(state=state, lease_owner="", lease_until=None, **ended)
        else:
            changed = expired.update(state=state, lease_owner="", lease_until=None, phase="", rung_at=None)
        if not changed:
            return None
        if given_up:
            clear(work)
        tell(work)
        reach("work.take_back.before_commit")
    log.warning(
        "%s %s was taken from %s after attempt %d: %s",
        work.TOPIC,
        work.pk,
        work.lease_owner,
        work.attempt,
        state.value,
    )
    return state


def ring_again(kind: type[LeasedWork]) -> int:
    """Ring for queued work whose message may be lost; none where as many messages wait as rows. Returns how many.

    What was rung for in the future is no better than what was rung for long ago: the clock was set back.
    """
    queued = _rows(kind).filter(state=WorkState.QUEUED, cancel_requested=False)
    try:
        waiting = jobs.count_waiting(kind.JOB)
    except RedisError:
        return 0
    if queued.count() <= waiting:
        return 0
    long_ago = ExpressionWrapper(Now() - Value(RING_AGAIN), output_field=DateTimeField())
    unheard = Q(rung_at=None) | Q(rung_at__lt=long_ago) | Q(rung_at__gt=Now())
    rung = 0
    for subject in queued.filter(unheard).order_by("created_at").values_list("pk", flat=True):
        if not _rows(kind).filter(unheard, pk=subject, state=WorkState.QUEUED).update(rung_at=Now()):
            continue
        if not jobs.ring(kind.JOB, str(subject)):
            break
        rung += 1
    return rung


def clear_leaks(kind: type[Work], clear: Callable[[Work], None]) -> int:
    """Give back reservations of work that has ended; the transactions should leave none. Returns how many."""
    reserved = UsageEntry.objects.filter(state=EntryState.RESERVED, subject__startswith=f"{kind.TOPIC}:")
    subjects = {subject.partition(":")[2] for subject in reserved.values_list("subject", flat=True)}
    leaking = _rows(kind).filter(pk__in=subjects, state__in=TERMINAL)
    for work in leaking:
        log.error("%s %s had ended with its reservation open", work.TOPIC, work.pk)
        clear(work)
    return len(leaking)


def tell(work: LeasedWork, **details: Any) -> None:
    """Let open pages of the work know, once what was written can be read."""
    topic, subject = work.TOPIC, str(work.pk)
    transaction.on_commit(lambda: live.publish(f"{topic}.{subject}", {topic: subject, **details}))


def _lease_end() -> Combinable:
    lease = timedelta(seconds=settings.ENVIRONMENT.lease_seconds)
    return ExpressionWrapper(Now() + Value(lease), output_field=DateTimeField())


def _rows(kind: type[Work]) -> QuerySet[Work]:
    return kind._default_manager.all()
