"""What each version has answered since it was loaded: calls, rows and time, for the protocols that tell it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic, perf_counter_ns, time
from typing import Protocol


@dataclass(slots=True)
class Spent:
    """Nanoseconds spent from raw values to arrays, in the network, and from its outputs to answers."""

    input: int = 0
    infer: int = 0
    output: int = 0


@dataclass(slots=True)
class Executions:
    """Batches of about one size."""

    count: int = 0
    spent: Spent = field(default_factory=Spent)


@dataclass(slots=True)
class Tally:
    """Counts of one version; times of calls in seconds, of computing in nanoseconds.

    Every call of a batch is charged with the whole batch, for that is how long it took for each of them. Batches are
    told apart by their rows, rounded up to a power of two.
    """

    succeeded: int = 0
    success_seconds: float = 0.0
    failed: int = 0
    fail_seconds: float = 0.0
    rows: int = 0
    answered_at: float = 0.0
    computed: int = 0
    queue_seconds: float = 0.0
    spent: Spent = field(default_factory=Spent)
    batches: dict[int, Executions] = field(default_factory=dict)

    def succeed(self, rows: int, seconds: float) -> None:
        self.succeeded += 1
        self.rows += rows
        self.success_seconds += seconds

    def fail(self, seconds: float) -> None:
        self.failed += 1
        self.fail_seconds += seconds

    def execute(self, calls: int, rows: int, waited: float, spent: Spent) -> None:
        """Take in a batch of `rows` that `calls` of this version were in; they waited `waited` seconds in all."""
        self.computed += calls
        self.queue_seconds += waited
        self.answered_at = time()
        _add(self.spent, spent, calls)
        size = 1 << max(0, rows - 1).bit_length()
        executions = self.batches.get(size)
        if executions is None:
            executions = self.batches[size] = Executions()
        executions.count += 1
        _add(executions.spent, spent, 1)


def _add(total: Spent, spent: Spent, times: int) -> None:
    total.input += spent.input * times
    total.infer += spent.infer * times
    total.output += spent.output * times


class Tallied(Protocol):
    """A call as it is counted when its batch was computed."""

    count: int
    queued_at: float

    @property
    def tally(self) -> Tally: ...


class Stopwatch:
    """Measures one batch of a model that keeps its own account of what it has spent."""

    __slots__ = ("_account", "_infer", "_input", "_output", "begun_at")

    def __init__(self, account: Spent) -> None:
        self._account = account
        self._input, self._infer = account.input, account.infer
        self._output = 0
        self.begun_at = monotonic()

    def computed(self) -> None:
        """From here on answers are written."""
        self._output = perf_counter_ns()

    def count(self, jobs: Sequence[Tallied]) -> None:
        """Count the batch for every version that had calls in it: endpoints may share one artifact."""
        account = self._account
        spent = Spent(account.input - self._input, account.infer - self._infer, perf_counter_ns() - self._output)
        rows = sum([job.count for job in jobs])
        tallies = [job.tally for job in jobs]
        for tally in {id(tally): tally for tally in tallies}.values():
            queued = [job.queued_at for job, own in zip(jobs, tallies, strict=True) if own is tally]
            tally.execute(len(queued), rows, len(queued) * self.begun_at - sum(queued), spent)
