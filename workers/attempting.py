"""One attempt at a claimed run: prepare its folder, supervise training, settle what came of it."""

import logging
import sys
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop

from modelyard import storage
from modelyard.contracts.artifact import DamagedArtifact, verify
from modelyard.contracts.jsonfile import write_json
from modelyard.errors import ModelyardError
from modelyard.registry.services import register_run
from modelyard.runs import services as runs
from modelyard.runs.models import TrainingRun
from modelyard.runs.services import Failure, Usage
from workers.attending import RunAttendant
from workers.presence import Presence
from workers.supervising import Ending, Limits, Outcome, bare_environment, supervise

log = logging.getLogger(__name__)

GRACE_SECONDS = 600
"""Beyond the budget for training itself: start, reading, evaluation, export and verification."""
LARGEST_FILE = 64 * 1024**3
PLAN = "plan.json"
TRAINING = (sys.executable, "-m", "workers.training")

FAILURES = {
    Ending.OUT_OF_MEMORY: Failure(
        code="out_of_memory",
        message=gettext_noop("Training needed more memory than there is."),
        hint=gettext_noop("Choose a smaller batch size, smaller images or a smaller network, or train on fewer rows."),
    ),
    Ending.TIMED_OUT: Failure(
        code="timeout",
        message=gettext_noop("Training did not end within its time budget, so it was stopped."),
        hint=gettext_noop("Give it a larger time budget, or choose a smaller network or fewer epochs."),
    ),
    Ending.CRASHED: Failure(
        code="crashed",
        message=gettext_noop("The training process ended unexpectedly."),
        hint=gettext_noop(
            "The last lines of the log say where. Start it again; if it happens again, tell the operator."
        ),
    ),
}
NO_RESULT = Failure(
    code="no_result",
    message=gettext_noop("Training ended without leaving a complete model."),
    hint=gettext_noop("The log says more. Start it again; if it happens again, tell the operator."),
)


def train_run(run: TrainingRun, presence: Presence) -> Ending:
    """Train a run that was claimed, to its end or until it is taken or handed back."""
    artifact = run.folder / f"attempt-{run.fence}"
    scratch = run.folder / f"scratch-{run.fence}"
    _prepare(run, scratch)
    attendant = RunAttendant(run, presence)
    device = presence.device
    with presence.working_on(run.pk):
        outcome = supervise(
            [*TRAINING, str(run.folder), "--artifact", str(artifact)],
            folder=scratch,
            environment=bare_environment(scratch, devices=device.visible),
            limits=Limits(
                wall_seconds=run.max_seconds + GRACE_SECONDS,
                resident_bytes=settings.ENVIRONMENT.train_memory_bytes,
                file_bytes=LARGEST_FILE,
                isolate=device.index is None,
            ),
            attendant=attendant,
        )
        _log_last_words(run, outcome)
        settle(run, outcome, artifact, on_gpu=device.index is not None)
    storage.remove(scratch)
    return outcome.ending


def settle(run: TrainingRun, outcome: Outcome, artifact: Path, *, on_gpu: bool) -> None:
    """Record how the attempt ended. Whatever is written is fenced; a lost run is left alone."""
    usage = Usage(
        cpu_seconds=outcome.cpu_seconds,
        gpu_seconds=outcome.wall_seconds if on_gpu else 0.0,
        peak_memory_bytes=outcome.peak_memory_bytes,
        wall_seconds=outcome.wall_seconds,
    )
    match outcome.ending:
        case Ending.LOST:
            log.warning("run %s is no longer this worker's (fence %d)", run.pk, run.fence)
            storage.remove(artifact)
            return
        case Ending.INTERRUPTED:
            _give_back(run, charged=False)
            return
        case Ending.CRASHED if outcome.returncode < 0 and run.attempt < runs.MOST_ATTEMPTS:
            _give_back(run, charged=True)
            return
        case Ending.FINISHED:
            ended = _settle_finished(run, outcome, artifact, usage)
        case Ending.CANCELLED:
            ended = runs.settle_cancelled(run, usage)
        case _:
            ended = runs.settle_failed(run, _failure_of(outcome), usage)
    if ended:
        storage.remove(run.folder)


def _settle_finished(run: TrainingRun, outcome: Outcome, artifact: Path, usage: Usage) -> bool:
    try:
        verify(artifact)
    except DamagedArtifact as fault:
        log.warning("run %s left no complete artifact: %s", run.pk, fault)
        return runs.settle_failed(run, NO_RESULT, usage)
    metrics = outcome.done.metrics if outcome.done is not None else {}
    try:
        with transaction.atomic():
            ended = runs.settle_succeeded(run, metrics, usage)
            if ended:
                register_run(run, artifact)
            return ended
    except ModelyardError as fault:
        return runs.settle_failed(run, Failure(code=fault.code, message=fault.message), usage)


def _give_back(run: TrainingRun, *, charged: bool) -> None:
    if runs.hand_back(run, charged=charged):
        runs.cancel_waiting(run)


def _failure_of(outcome: Outcome) -> Failure:
    said = outcome.failure
    if said is not None and outcome.ending == Ending.FAILED:
        return Failure(
            code=said.code or "failed", message=said.message or "", hint=said.hint or "", sentence=said.sentence
        )
    return FAILURES.get(outcome.ending, FAILURES[Ending.CRASHED])


def _prepare(run: TrainingRun, scratch: Path) -> None:
    """The folder as training expects it; what former attempts left, but for checkpoints, goes."""
    run.folder.mkdir(exist_ok=True, mode=0o700)
    for left in [*run.folder.glob("attempt-*"), *run.folder.glob("scratch-*")]:
        storage.remove(left)
    scratch.mkdir(mode=0o700)
    write_json(run.folder / PLAN, run.plan)


def _log_last_words(run: TrainingRun, outcome: Outcome) -> None:
    """The last words of a process that ended badly: for the operator's log, since they hold stack traces."""
    if outcome.ending in (Ending.FINISHED, Ending.CANCELLED, Ending.LOST, Ending.INTERRUPTED) or not outcome.tail:
        return
    log.error("run %s, attempt %d (%s) said last: %s", run.pk, run.attempt, outcome.ending, "\n".join(outcome.tail))
