"""Has the plan of a run trained: orders a trainer, watches it, and orders once more where that can save the run.

A trainer that needed more memory than there is gets a second try with batches of half the size, where the plan allows
it. One that does not end in time is ended, and another exports the best that its checkpoints hold.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from modelyard.catalog import get_template
from modelyard.contracts.order import Order
from modelyard.contracts.plan import Plan
from modelyard.contracts.progress import Progress
from modelyard.runs.models import TrainingRun
from workers.attending import RunAttendant
from workers.checkpointing import FOLDER as CHECKPOINTS
from workers.presence import Presence
from workers.supervising import Ending, Outcome, watch_over

GRACE_SECONDS = 600.0
"""What loading, and finishing a model whose training is over, may take beyond the budget before all is given up."""
FEWEST_SECONDS = 10.0
"""With less time left, a second try is not worth its start."""
BATCHED = ("network", "blend", "transfer")
HALVED = "Training needed more memory than there is. It is tried once more, with batches of half the size."
RESCUED = "The time is over, and training did not stop by itself. The best model of its last checkpoint is kept."


@dataclass(kw_only=True)
class Ordering:
    """One attempt at a run: `artifact` is where its model shall lie, `scratch` for temporary files."""

    run: TrainingRun
    presence: Presence
    attendant: RunAttendant
    artifact: Path
    scratch: Path

    def train(self) -> Outcome:
        """Train, with a second order where one helps; what all of them took is added up."""
        order = Order(
            folder=str(self.run.folder),
            artifact=str(self.artifact),
            scratch=str(self.scratch),
            asked_at=time.time(),
            seconds=float(self.run.max_seconds),
            memory_bytes=self.presence.trainers.limits.resident_bytes,
        )
        first = self._give(order)
        if needed_memory(first) and self._may_halve():
            left = order.seconds - first.wall_seconds
            if left > FEWEST_SECONDS:
                self.attendant.note(Progress(event="log", level="warning", message=HALVED))
                return add_up(first, self._give(replace(order, asked_at=time.time(), seconds=left, batch_divisor=2)))
        if first.ending == Ending.TIMED_OUT and holds_checkpoints(self.run.folder / CHECKPOINTS):
            self.attendant.note(Progress(event="log", level="warning", message=RESCUED))
            return add_up(first, self._give(replace(order, asked_at=time.time(), seconds=0.0), patience=GRACE_SECONDS))
        return first

    def _give(self, order: Order, patience: float = 0.0) -> Outcome:
        """`patience` are the seconds that it may take beyond those of the order before it is ended."""
        trainers = self.presence.trainers
        self.attendant.begin(order.seconds + patience)
        trainer = trainers.start(order)
        try:
            limits = replace(trainers.limits, wall_seconds=order.seconds + GRACE_SECONDS)
            return watch_over(trainer.process, limits=limits, attendant=self.attendant)
        finally:
            trainers.rest(trainer)

    def _may_halve(self) -> bool:
        """Trees are not grown in batches, and forecasts need little memory for theirs."""
        plan = Plan.from_json(self.run.plan)
        return plan.halve_batches and get_template(plan.model_template).method in BATCHED


def holds_checkpoints(folder: Path) -> bool:
    """Whether training left something to go on from: a file that is not in a folder half written."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return any(not any(part.endswith(".partial") for part in path.parts) for path in found)


def needed_memory(outcome: Outcome) -> bool:
    """Whether it ended for want of memory, by its own word or by the kernel's."""
    told = outcome.ending == Ending.FAILED and outcome.failure is not None and outcome.failure.code == "out_of_memory"
    return told or outcome.ending == Ending.OUT_OF_MEMORY


def add_up(first: Outcome, second: Outcome) -> Outcome:
    """How the second ended, and what both took."""
    return replace(
        second,
        wall_seconds=first.wall_seconds + second.wall_seconds,
        cpu_seconds=first.cpu_seconds + second.cpu_seconds,
        peak_memory_bytes=max(first.peak_memory_bytes, second.peak_memory_bytes),
    )
