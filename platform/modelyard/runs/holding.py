"""What a worker does with a run: claim it, keep it, tell how it goes, give it back. Every write is fenced.

A claim draws a new fence. Each later write names the fence it was made with and changes nothing once the run was
claimed anew, so a worker that was thought dead and wakes up cannot disturb its successor.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from modelyard import live
from modelyard.contracts.progress import Progress
from modelyard.jobs import enqueue
from modelyard.runs.models import Epoch, LogLine, RunState, TrainingRun

LONGEST_MESSAGE = 2000


def claim_run(run_id: UUID | str, worker: str) -> TrainingRun | None:
    """Take a queued run for `worker`; None where somebody else has it, it has ended, or it is to be cancelled."""
    with transaction.atomic():
        claimed = TrainingRun.objects.filter(pk=run_id, state=RunState.QUEUED, cancel_requested=False).update(
            state=RunState.RUNNING,
            attempt=F("attempt") + 1,
            fence=F("fence") + 1,
            lease_owner=worker,
            lease_until=_lease_end(),
            started_at=Coalesce("started_at", Now()),
            phase="starting",
            progress={},
            device={},
        )
        if not claimed:
            return None
        run = TrainingRun.objects.get(pk=run_id)
    tell(run)
    return run


def beat(run: TrainingRun) -> bool:
    """Renew the lease. False: the run is no longer this worker's, stop at once."""
    return TrainingRun.objects.held_by(run).update(lease_until=_lease_end()) == 1


def read_wishes(run: TrainingRun) -> TrainingRun | None:
    """The row with the flags that people set; None where the run is no longer this worker's."""
    return TrainingRun.objects.held_by(run).only("cancel_requested", "finish_requested").first()


def record_progress(run: TrainingRun, *said: Progress) -> bool:
    """Write down what training said. False: the run is no longer this worker's, and nothing was written."""
    with transaction.atomic():
        if not TrainingRun.objects.held_by(run).update(**_changes(run, said)):
            return False
        _record_epochs(run, {one.epoch: one.metrics for one in said if one.event == "epoch" and one.epoch is not None})
        LogLine.objects.bulk_create(
            LogLine(run=run, level=(one.level or "info")[:10], message=_bounded(one.message))
            for one in said
            if one.event == "log" and one.message
        )
        tell(run, events=sorted({one.event for one in said}))
    return True


def hand_back(run: TrainingRun, *, charged: bool) -> bool:
    """Put a run that was not finished back into the queue; it goes on from its checkpoint.

    Not `charged`: the worker was asked to stop, which does not count as an attempt. Where a person has asked to cancel
    meanwhile, the next reconciliation sees to it.
    """
    with transaction.atomic():
        given = TrainingRun.objects.held_by(run).update(
            state=RunState.QUEUED,
            attempt=F("attempt") - (0 if charged else 1),
            lease_owner="",
            lease_until=None,
            phase="",
            rung_at=Now(),
        )
        if not given:
            return False
        enqueue("train", str(run.pk))
        tell(run)
    return True


def tell(run: TrainingRun, **details: Any) -> None:
    """Let open pages of the run know, once what was written can be read."""
    transaction.on_commit(lambda: live.publish(f"run.{run.pk}", {"run": str(run.pk), **details}))


def _lease_end() -> Combinable:
    lease = timedelta(seconds=settings.ENVIRONMENT.lease_seconds)
    return ExpressionWrapper(Now() + Value(lease), output_field=DateTimeField())


def _changes(run: TrainingRun, said: Sequence[Progress]) -> dict[str, Any]:
    """The columns of the run that this changes; `run` keeps in memory what has been said so far."""
    for one in said:
        if one.event == "phase" and one.phase is not None:
            run.phase = one.phase
        if one.event in ("phase", "step", "epoch"):
            run.progress = {**run.progress, **_known(one)}
        if one.event == "device" and one.device is not None:
            run.device = {**run.device, **one.device}
    return {"phase": run.phase[:20], "progress": run.progress, "device": run.device}


def _known(said: Progress) -> dict[str, Any]:
    names = ("epoch", "epochs", "step", "steps", "fraction", "eta_seconds")
    return {name: getattr(said, name) for name in names if getattr(said, name) is not None}


def _record_epochs(run: TrainingRun, metrics: Mapping[int, Mapping[str, Any]]) -> None:
    """Write epochs; later ones that an earlier attempt left are of another line of history and go."""
    if not metrics:
        return
    Epoch.objects.filter(run=run, number__gt=max(metrics)).delete()
    Epoch.objects.bulk_create(
        [Epoch(run=run, number=number, metrics=dict(values)) for number, values in metrics.items()],
        update_conflicts=True,
        unique_fields=["run", "number"],
        update_fields=["metrics"],
    )


def _bounded(message: str) -> str:
    text = message.replace("\x00", "")
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
