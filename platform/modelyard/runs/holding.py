"""What a worker does with a run beyond what `modelyard.leasing` does with all work: claim it and tell how it goes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from modelyard.contracts.crash_points import reach
from modelyard.contracts.progress import Progress
from modelyard.leasing import claim, tell
from modelyard.runs.models import Epoch, LogLine, TrainingRun
from modelyard.runs.queueing import QUEUE

LONGEST_MESSAGE = 2000


def claim_run(run_id: UUID | str, worker: str) -> TrainingRun | None:
    """Take a queued run for `worker`; None where somebody else has it, it has ended, or it is to be cancelled."""
    return claim(TrainingRun, run_id, worker, progress={}, device={})


def claim_next(worker: str) -> TrainingRun | None:
    """Take the run that is first in the queue for `worker`; None where none waits."""
    return QUEUE.claim_next(lambda run_id: claim_run(run_id, worker))


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
        reach("run.progress.before_commit")
    return True


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
