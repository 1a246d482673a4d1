"""Calls that became ready in the same turn of the event loop share one forward pass. Nobody ever waits for company.

A batch that would hold up the loop runs in a thread, and what arrives in the meantime makes the next batch. A bad row
fails its own call: the calls of such a batch are prepared one by one, and the good ones still share the pass.
"""

import asyncio
import logging
from collections import deque
from concurrent.futures import Executor
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import numpy as np

from modelyard.features import RowProblem
from modelyard.features.base import Arrays
from modelyard.features.numbers import NumberTable
from workers.serving.models.image_sizes import are_small
from workers.serving.models.loaded import Columns, LoadedModel, NotFinite, Predictions
from workers.serving.pace import Pace
from workers.serving.problems import Problem, bare, failure, queue_full, too_late
from workers.serving.tally import Stopwatch, Tally

log = logging.getLogger(__name__)

MAX_BATCH_ROWS = 1024
INLINE_SECONDS = 0.002
Outcome = Predictions | RowProblem | NotFinite


class Job(Protocol):
    """A call that waits for its predictions: rows, or columns of `count` values. One of the last two is called once.

    `compose` may be called before `finish`, from a thread.
    """

    rows: list[Any]
    columns: Columns | None
    count: int
    deadline: float
    queued_at: float

    @property
    def tally(self) -> Tally: ...

    @property
    def abandoned(self) -> bool: ...

    def compose(self, predictions: Predictions) -> None: ...

    def finish(self, predictions: Predictions) -> None: ...

    def fail(self, fault: Problem | RowProblem | NotFinite) -> None: ...


@dataclass(frozen=True, kw_only=True)
class QueueLimits:
    """How much may wait for one model."""

    requests: int
    rows: int


class Batcher:
    """The queue in front of one model."""

    def __init__(self, model: LoadedModel, limits: QueueLimits, executor: Executor) -> None:
        self.model = model
        self._limits = limits
        self._executor = executor
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Job] = deque()
        self._rows = self._computing = self._promised = 0
        self._scheduled = False
        self._started_at = 0.0
        self.pace = Pace(model.estimate_seconds(1))

    @property
    def waiting(self) -> tuple[int, int]:
        """How many calls wait, and how many rows they have."""
        return len(self._waiting), self._rows

    def has_room(self, rows: float) -> bool:
        """Whether a call of so many rows is taken now; an empty queue takes any."""
        if not self._waiting and not self._promised:
            return True
        taken = self._rows + self._promised
        return len(self._waiting) < self._limits.requests and taken + rows <= self._limits.rows

    def promise(self, rows: int) -> None:
        """Keep room for rows that were read and wait for something else; a negative number gives it free again."""
        self._promised += rows

    @property
    def expected_seconds(self) -> float:
        """How long a call would wait now, by how long rows took lately."""
        return (self._rows + self._promised + self._computing) * self.pace.a_unit

    def submit(self, job: Job) -> None:
        """Queue a job; a full queue fails it with a 503."""
        if not self.has_room(job.count):
            job.fail(queue_full())
            return
        job.queued_at = monotonic()
        self._waiting.append(job)
        self._rows += job.count
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        jobs, rows = self._take()
        self._computing = rows
        self.model.used_at, self._started_at = self._loop.time(), monotonic()
        stopwatch = Stopwatch(self.model.spent)
        if jobs and (self.model.estimate_seconds(rows) > INLINE_SECONDS or self._have_large_images(jobs)):
            self._loop.run_in_executor(self._executor, answer_whole, self.model, jobs).add_done_callback(
                lambda done: self._deliver(jobs, stopwatch, done)
            )
            return
        self._scheduled = False
        if jobs:
            try:
                outcomes = answer(self.model, jobs)
            except Exception:
                log.exception("a batch of %d calls failed", len(jobs))
                _fail(jobs)
            else:
                _hand_out(jobs, outcomes, stopwatch)
            self._note_pace()
        self._go_on()

    def _have_large_images(self, jobs: list[Job]) -> bool:
        """What an image costs is not what those cost that were measured when the model was loaded."""
        return self.model.takes_images and not all(are_small(job.rows) for job in jobs)

    def _take(self) -> tuple[list[Job], int]:
        """Take the next batch and say how many rows it has; what is late or abandoned is not computed at all."""
        jobs: list[Job] = []
        now, rows = monotonic(), 0
        while self._waiting and (not jobs or rows + self._waiting[0].count <= MAX_BATCH_ROWS):
            job = self._waiting.popleft()
            self._rows -= job.count
            if job.abandoned or job.deadline <= now:
                job.fail(too_late())
                continue
            rows += job.count
            jobs.append(job)
        return jobs, rows

    def _deliver(self, jobs: list[Job], stopwatch: Stopwatch, done: "asyncio.Future[list[Outcome]]") -> None:
        self._scheduled = False
        if done.cancelled() or done.exception() is not None:
            log.error("a batch of %d calls failed", len(jobs), exc_info=None if done.cancelled() else done.exception())
            _fail(jobs)
        else:
            _hand_out(jobs, done.result(), stopwatch)
        self._note_pace()
        self._go_on()

    def _note_pace(self) -> None:
        self.pace.note(self._computing, monotonic() - self._started_at)
        self._computing = 0

    def _go_on(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)


def answer_whole(model: LoadedModel, jobs: list[Job]) -> list[Outcome]:
    """Compute a batch that is too large for the loop, and write its answers too. Runs in a thread."""
    outcomes = answer(model, jobs)
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Predictions):
            job.compose(outcome)
    return outcomes


def answer(model: LoadedModel, jobs: list[Job]) -> list[Outcome]:
    """Return the predictions of each job, or what is wrong with it. May run in a thread."""
    if len(jobs) == 1:
        return [_answer_alone(model, jobs[0])]
    columns = [job.columns for job in jobs if job.columns is not None]
    tables = [table for table in columns if isinstance(table, NumberTable)]
    try:
        if not columns:
            return _share_out(jobs, model.predict([row for job in jobs for row in job.rows]))
        if len(tables) == len(jobs):
            return _share_out(jobs, model.compute(model.prepare([], NumberTable.join(tables))))
    except (RowProblem, NotFinite):
        return _answer_apart(model, jobs)
    return _answer_apart(model, jobs)


def _answer_alone(model: LoadedModel, job: Job) -> Outcome:
    try:
        return model.compute(model.prepare(job.rows, job.columns))
    except (RowProblem, NotFinite) as fault:
        return bare(fault)


def _answer_apart(model: LoadedModel, jobs: list[Job]) -> list[Outcome]:
    """Prepare each job by itself, compute the good ones together; if that fails too, compute each by itself."""
    outcomes: list[Outcome | None] = [None] * len(jobs)
    prepared: dict[int, Arrays] = {}
    for index, job in enumerate(jobs):
        try:
            prepared[index] = model.prepare(job.rows, job.columns)
        except RowProblem as fault:
            outcomes[index] = bare(fault)
    good = [jobs[index] for index in prepared]
    if good:
        parts = list(prepared.values())
        arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        try:
            shares: list[Outcome] = _share_out(good, model.compute(arrays))
        except NotFinite:
            shares = [_answer_alone(model, job) for job in good]
        for index, share in zip(prepared, shares, strict=True):
            outcomes[index] = share
    return [outcome for outcome in outcomes if outcome is not None]


def _share_out(jobs: list[Job], predictions: Predictions) -> list[Outcome]:
    shares: list[Outcome] = []
    start = 0
    for job in jobs:
        shares.append(predictions.part(start, start + job.count))
        start += job.count
    return shares


def _fail(jobs: list[Job]) -> None:
    for job in jobs:
        job.fail(failure())


def _hand_out(jobs: list[Job], outcomes: list[Outcome], stopwatch: Stopwatch) -> None:
    stopwatch.computed()
    finished: list[Job] = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, Predictions):
            job.finish(outcome)
            finished.append(job)
        else:
            job.fail(outcome)
    stopwatch.count(finished)
