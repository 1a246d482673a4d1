"""One attempt at a claimed batch prediction: survey the file, reserve its rows, answer them, settle what came of it."""

import logging
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.utils.translation import gettext_noop

from modelyard import storage
from modelyard.batches import services as batches
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import PLAN, RESULT, RESULT_FORMATS, SURVEY, TALLY, BatchPlan, Survey, Tally
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.errors import QuotaExceeded, StorageAway, StorageDamaged
from modelyard.leased_work import Failure
from modelyard.leasing import MOST_ATTEMPTS, hand_back
from modelyard.registry.models import ModelVersion
from workers.attending import LeaseAttendant
from workers.insisting import insist
from workers.presence import Presence
from workers.supervising import Ending, Limits, Outcome, bare_environment, supervise

log = logging.getLogger(__name__)

SCORING = (sys.executable, "-m", "workers.scoring")
SURVEY_SECONDS = 1800.0
ANSWER_SECONDS = 24 * 3600.0
LARGEST_FILE = 64 * 1024**3
Step = Literal["survey", "answer"]

NOTHING_CHARGED = gettext_noop("Nothing was charged.")
FAILURES = {
    Ending.OUT_OF_MEMORY: Failure(
        code="out_of_memory",
        message=gettext_noop("Reading or answering this file needs more memory than is allowed."),
        hint=gettext_noop("Upload it in parts, with shorter cells or only the columns that the model needs."),
    ),
    Ending.TIMED_OUT: Failure(
        code="timeout",
        message=gettext_noop("Reading or answering this file took longer than is allowed."),
        hint=gettext_noop("Upload it in parts."),
    ),
    Ending.CRASHED: Failure(
        code="crashed",
        message=gettext_noop("The process that answered this file ended unexpectedly."),
        hint=gettext_noop("Upload the file again; if it happens again, tell the operator."),
    ),
}
STORE_AWAY = Failure(
    code="storage_away",
    message=gettext_noop("The store that holds the files did not answer for a long time."),
    hint=gettext_noop("Upload the file again; if it happens again, tell the operator."),
)
STORE_DAMAGED = Failure(
    code="storage_damaged",
    message=gettext_noop("What is stored is not what was put there, so it is not used. Please tell the operator."),
)


def answer_batch(batch: BatchPrediction, presence: Presence) -> Ending:
    """Answer a file that was claimed, to its end or until it is taken or handed back."""
    try:
        with ExitStack() as held:
            insist(lambda: held.enter_context(storage.opened(batch.folder, batch.seal)), batch, presence)
            insist(lambda: held.enter_context(_holds(batch).opened()), batch, presence)
            held.enter_context(storage.opened(batch.work_folder, ""))
            held.enter_context(storage.opened(batch.result_folder, ""))
            return _Attempt(batch, presence).run()
    except StorageAway as fault:
        log.warning("batch prediction %s, attempt %d: %s", batch.pk, batch.attempt, fault)
        if batch.attempt < MOST_ATTEMPTS or presence.stopping.is_set():
            _give_back(batch, charged=not presence.stopping.is_set())
            return Ending.INTERRUPTED
        batches.settle_failed(batch, STORE_AWAY)
    except StorageDamaged:
        batches.settle_failed(batch, STORE_DAMAGED)
    return Ending.FAILED


class _Attempt:
    """One worker's work at one file, its folders at hand."""

    def __init__(self, batch: BatchPrediction, presence: Presence) -> None:
        self.batch, self.presence = batch, presence

    def run(self) -> Ending:
        environment = settings.ENVIRONMENT
        self._prepare()
        if not (self.batch.work_folder / SURVEY).exists():
            memory = environment.ingest_memory_bytes
            reading = Limits(wall_seconds=SURVEY_SECONDS, address_bytes=memory, file_bytes=LARGEST_FILE)
            surveyed = self._do("survey", reading)
            if surveyed.ending != Ending.FINISHED:
                return self._settle(surveyed)
        if self.batch.survey is None and not self._admit():
            return Ending.FAILED
        memory = environment.score_memory_bytes
        answering = Limits(wall_seconds=ANSWER_SECONDS, resident_bytes=memory, file_bytes=LARGEST_FILE)
        return self._settle(self._do("answer", answering))

    def _prepare(self) -> None:
        """The folders as scoring expects them; what an earlier attempt left is gone on with."""
        batch = self.batch
        for folder in (batch.work_folder, batch.result_folder):
            folder.mkdir(exist_ok=True, mode=0o700)
        plan = BatchPlan(
            source=str(batch.folder / "source"),
            artifact=str(_holds(batch).folder),
            sha256=_holds(batch).sha256,
            result=str(batch.result_folder),
            wanted=next((one for one in RESULT_FORMATS if one == batch.wanted), None),
            interval=batch.interval,
        )
        write_json(batch.work_folder / PLAN, plan.to_json())

    def _do(self, step: Step, limits: Limits) -> Outcome:
        """Run one step in a child process that has a home of its own and nothing else."""
        home = Path(tempfile.mkdtemp(prefix="modelyard-scoring-"))
        try:
            outcome = supervise(
                [*SCORING, step, str(self.batch.work_folder)],
                folder=home,
                environment=bare_environment(home),
                limits=limits,
                attendant=LeaseAttendant(self.batch, self.presence, batches.record_progress),
            )
        finally:
            shutil.rmtree(home, ignore_errors=True)
        if outcome.ending in (Ending.CRASHED, Ending.FAILED) and outcome.tail:
            said = "\n".join(outcome.tail)
            log.error("batch prediction %s, %s (%d): %s", self.batch.pk, step, outcome.returncode, said)
        return outcome

    def _admit(self) -> bool:
        survey = Survey.from_json(read_json(self.batch.work_folder / SURVEY))
        try:
            return batches.admit(self.batch, survey)
        except QuotaExceeded as fault:
            self._fail_for(fault)
            return False

    def _settle(self, outcome: Outcome) -> Ending:
        """Record how the attempt ended. Whatever is written is fenced; lost work is left alone."""
        match outcome.ending:
            case Ending.LOST:
                log.warning("batch prediction %s is no longer this worker's", self.batch.pk)
            case Ending.INTERRUPTED:
                _give_back(self.batch, charged=False)
            case Ending.CRASHED if outcome.returncode < 0 and self.batch.attempt < MOST_ATTEMPTS:
                _give_back(self.batch, charged=True)
            case Ending.FINISHED:
                self._succeed()
            case Ending.CANCELLED:
                batches.settle_cancelled(self.batch)
                storage.remove(self.batch.result_folder)
            case _:
                batches.settle_failed(self.batch, _failure_of(outcome))
                storage.remove(self.batch.result_folder)
        return outcome.ending

    def _succeed(self) -> None:
        folder = self.batch.result_folder
        tally = Tally.from_json(read_json(self.batch.work_folder / TALLY))
        seal = insist(lambda: storage.keep(folder), self.batch, self.presence)
        try:
            batches.settle_succeeded(self.batch, tally, size=(folder / RESULT).stat().st_size, seal=seal)
        except QuotaExceeded as fault:
            self._fail_for(fault)
            storage.remove(folder)

    def _fail_for(self, fault: QuotaExceeded) -> None:
        batches.settle_failed(self.batch, Failure(code=fault.code, message=fault.message, hint=NOTHING_CHARGED))


def _holds(batch: BatchPrediction) -> ModelVersion:
    """The version that answers; it cannot go before the work has ended."""
    assert batch.holds is not None
    return batch.holds


def _give_back(batch: BatchPrediction, *, charged: bool) -> None:
    if hand_back(batch, charged=charged):
        batches.cancel_waiting(batch)


def _failure_of(outcome: Outcome) -> Failure:
    said = outcome.failure
    if said is not None and outcome.ending == Ending.FAILED:
        return Failure(code=said.code or "failed", message=said.message or "", sentence=said.sentence)
    return FAILURES.get(outcome.ending, FAILURES[Ending.CRASHED])
