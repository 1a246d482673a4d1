"""One attempt at a claimed run: prepare its folder, supervise training, settle what came of it."""

import logging
import shutil
from contextlib import ExitStack
from pathlib import Path

from django.db import transaction
from django.utils.translation import gettext_noop

from modelyard import storage
from modelyard.contracts.artifact import DamagedArtifact, verify
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import write_json
from modelyard.errors import ModelyardError, StorageAway, StorageDamaged
from modelyard.registry.services import register_run, remove_unregistered, store_artifact
from modelyard.runs import services as runs
from modelyard.runs.models import TrainingRun
from modelyard.runs.services import Failure, Usage
from modelyard.runs.weights import WeightsMissing, hand_over_weights
from workers.attending import RunAttendant
from workers.checkpointing import CheckpointKeeper, restore_checkpoints, storing_checkpoints
from workers.insisting import beating, insist
from workers.ordering import Ordering
from workers.presence import Presence
from workers.supervising import Ending, Outcome

log = logging.getLogger(__name__)

PLAN = "plan.json"
DATA = ("table.parquet", "images", "images.json", "profile.json")
"""What training reads of a data set version; the file as it was uploaded stays where it is."""

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
NO_WEIGHTS = Failure(
    code="no_weights",
    message=gettext_noop("The trainer does not have the pre-trained weights that this run was planned with."),
    hint=gettext_noop("Ask your operator to put the same files into the folder for weights on every machine."),
)
STORE_AWAY = Failure(
    code="storage_away",
    message=gettext_noop("The store that holds the files did not answer for a long time."),
    hint=gettext_noop("Start the run again; if it happens again, tell the operator."),
)
DATA_DAMAGED = Failure(
    code="storage_damaged",
    message=gettext_noop("The stored data is not what was uploaded, so nothing was trained on it."),
    hint=gettext_noop("Upload the file as a new version and train on that; tell the operator."),
)
NO_RESULT = Failure(
    code="no_result",
    message=gettext_noop("Training ended without leaving a complete model."),
    hint=gettext_noop("The log says more. Start it again; if it happens again, tell the operator."),
)


def train_run(run: TrainingRun, presence: Presence) -> Ending:
    """Train a run that was claimed, to its end or until it is taken or handed back."""
    try:
        with ExitStack() as held:
            held.enter_context(storage.opened(run.folder, ""))
            version = run.dataset_version
            if version is not None:
                insist(lambda: held.enter_context(version.opened(*DATA)), run, presence)
            insist(lambda: restore_checkpoints(run), run, presence)
            return _train(run, presence)
    except StorageAway as fault:
        log.warning("run %s, attempt %d: %s", run.pk, run.attempt, fault)
        if run.attempt < runs.MOST_ATTEMPTS or presence.stopping.is_set():
            _give_back(run, charged=not presence.stopping.is_set())
            return Ending.INTERRUPTED
        _settle_without_files(run, STORE_AWAY)
    except StorageDamaged:
        _settle_without_files(run, DATA_DAMAGED)
    except WeightsMissing as fault:
        log.error("run %s: %s", run.pk, fault.message)
        _settle_without_files(run, NO_WEIGHTS)
    return Ending.FAILED


def _train(run: TrainingRun, presence: Presence) -> Ending:
    artifact = run.folder / f"attempt-{run.fence}"
    scratch = run.folder / f"scratch-{run.fence}"
    _prepare(run, scratch)
    attendant = RunAttendant(run, presence)
    device = presence.device
    with presence.working_on(run.pk), storing_checkpoints(run) as checkpoints:
        outcome = Ordering(run=run, presence=presence, attendant=attendant, artifact=artifact, scratch=scratch).train()
        _log_last_words(run, outcome)
        _end_storing(checkpoints, run, outcome)
        if outcome.ending == Ending.FINISHED and _is_whole(artifact):
            insist(lambda: store_artifact(run, artifact), run, presence)
        settle(run, outcome, artifact, on_gpu=device.index is not None)
    shutil.rmtree(scratch, ignore_errors=True)
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
            shutil.rmtree(artifact, ignore_errors=True)
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
        reach("run.settled")
        storage.remove(run.folder)


def _settle_without_files(run: TrainingRun, failure: Failure) -> None:
    if runs.settle_failed(run, failure, Usage()):
        storage.remove(run.folder)


def _is_whole(artifact: Path) -> bool:
    """What is not whole is not stored, and refused when it is settled."""
    try:
        verify(artifact)
    except DamagedArtifact:
        return False
    return True


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
        remove_unregistered(run)
        return runs.settle_failed(run, Failure(code=fault.code, message=fault.message), usage)


def _end_storing(checkpoints: CheckpointKeeper, run: TrainingRun, outcome: Outcome) -> None:
    """What was reached so far goes to whoever takes the run up, which is another machine if this one is stopped."""
    with beating(run):
        checkpoints.end()
        if outcome.ending in (Ending.INTERRUPTED, Ending.CRASHED):
            try:
                checkpoints.store()
            except (StorageAway, OSError) as fault:
                log.warning("the last checkpoint of run %s was not stored: %s", run.pk, fault)


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
    """The folder as training expects it; what former attempts left, but for checkpoints, goes.

    A worker that lost the run may just be clearing up after itself; what is left all the same harms nobody.
    """
    run.folder.mkdir(exist_ok=True, mode=0o700)
    for left in [*run.folder.glob("attempt-*"), *run.folder.glob("scratch-*")]:
        shutil.rmtree(left, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    data = {} if run.dataset_version is None else {"data": str(storage.version_folder(run.dataset_version.pk))}
    write_json(run.folder / PLAN, {**run.plan, **data})
    hand_over_weights(run.plan, run.folder)


def _log_last_words(run: TrainingRun, outcome: Outcome) -> None:
    """The last words of a process that ended badly: for the operator's log, since they hold stack traces."""
    if outcome.ending in (Ending.FINISHED, Ending.CANCELLED, Ending.LOST, Ending.INTERRUPTED) or not outcome.tail:
        return
    log.error("run %s, attempt %d (%s) said last: %s", run.pk, run.attempt, outcome.ending, "\n".join(outcome.tail))
