"""How runs end: once, with the books settled in the same transaction."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from modelyard import leasing, storage
from modelyard.accounts.models import User
from modelyard.accounts.services import record
from modelyard.contracts.crash_points import reach
from modelyard.errors import Conflict
from modelyard.leased_work import Failure
from modelyard.leasing import tell
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import CONCURRENT_RUNS, TRAINING_SECONDS
from modelyard.runs.models import RunState, TrainingRun


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an attempt took, as measured by the worker."""

    cpu_seconds: float = 0.0
    gpu_seconds: float = 0.0
    peak_memory_bytes: int = 0
    wall_seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def settle_succeeded(run: TrainingRun, metrics: Mapping[str, Any], usage: Usage) -> bool:
    """End a held run well. The caller registers its model in the same transaction. False: no longer this worker's."""
    progress = {**run.progress, "fraction": 1.0, "eta_seconds": 0.0}
    return _settle(run, RunState.SUCCEEDED, usage, metrics=dict(metrics), phase="done", progress=progress)


def settle_failed(run: TrainingRun, failure: Failure, usage: Usage) -> bool:
    """End a held run that cannot succeed. False: no longer this worker's."""
    return _settle(run, RunState.FAILED, usage, failure=failure.to_json())


def settle_cancelled(run: TrainingRun, usage: Usage) -> bool:
    """End a held run that a person has cancelled. False: no longer this worker's."""
    return _settle(run, RunState.CANCELLED, usage)


@transaction.atomic
def cancel_run(run: TrainingRun, *, by: User, request: HttpRequest | None = None) -> None:
    """Stop and discard: at once where the run still waits, else as soon as its worker looks. Twice is as good as once.

    Raises `Conflict` where the run has ended otherwise.
    """
    if not leasing.ask_to_cancel(run):
        if run.state != RunState.CANCELLED:
            raise Conflict(f"{run.name} has already {_told(run.state)}; there is nothing to cancel", code="ended")
        return
    record("run.cancel", str(run.pk), by=by, workspace=run.workspace, request=request, name=run.name)
    cancel_waiting(run)
    run.refresh_from_db()
    tell(run)


@transaction.atomic
def cancel_waiting(run: TrainingRun) -> bool:
    """End a queued run that is to be cancelled, with everything refunded."""
    ended = leasing.end_waiting(run)
    if ended:
        clear(run)
        tell(run)
        reach("run.cancel.before_commit")
    return ended


@transaction.atomic
def finish_run(run: TrainingRun, *, by: User, request: HttpRequest | None = None) -> None:
    """Ask a running run to stop early and keep the best so far. Raises `Conflict` where it does not run."""
    asked = TrainingRun.objects.filter(pk=run.pk, state=RunState.RUNNING).update(finish_requested=True)
    run.refresh_from_db()
    if not asked and run.state == RunState.QUEUED:
        raise Conflict(f"{run.name} has not begun, so there is nothing to keep; cancel it instead", code="not_running")
    if not asked:
        raise Conflict(f"{run.name} has already {_told(run.state)}; there is nothing to finish", code="ended")
    record("run.finish", str(run.pk), by=by, workspace=run.workspace, request=request, name=run.name)
    tell(run)


def refund(run: TrainingRun) -> None:
    """Give back everything that was reserved for the run; what is settled stays as it is."""
    quotas.refund(run.workspace, CONCURRENT_RUNS.name, subject=run.ledger_subject)
    quotas.refund(run.workspace, TRAINING_SECONDS.name, subject=run.ledger_subject)


def clear(run: TrainingRun) -> None:
    """Give everything back that a run holds which has ended outside a worker."""
    refund(run)
    remove_files(run)


def remove_files(run: TrainingRun) -> None:
    """Delete plan and checkpoints of a run that has ended outside a worker, once that is sure."""
    transaction.on_commit(lambda: storage.remove(run.folder))


def _settle(run: TrainingRun, state: RunState, usage: Usage, **changes: Any) -> bool:
    """One conditional UPDATE and the ledger, together or not at all; never more is charged than was reserved."""
    with transaction.atomic():
        if not leasing.end(run, state, usage=usage.to_json(), **changes):
            return False
        seconds = min(math.ceil(usage.wall_seconds), run.max_seconds)
        quotas.commit(run.workspace, TRAINING_SECONDS.name, subject=run.ledger_subject, amount=seconds)
        quotas.refund(run.workspace, CONCURRENT_RUNS.name, subject=run.ledger_subject)
        tell(run)
        reach("run.settle.before_commit")
    return True


def _told(state: str) -> str:
    return {RunState.SUCCEEDED: "succeeded", RunState.FAILED: "failed"}.get(RunState(state), "been cancelled")
