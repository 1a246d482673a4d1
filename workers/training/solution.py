"""What every way of training gets, and what it gives back: a model that can be asked, judged and exported."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import onnx
from numpy.typing import NDArray

from modelyard.contracts.plan import Plan
from workers.training.budget import Budget
from workers.training.interrupting import finish_wanted
from workers.training.preparing import Arrays, Material
from workers.training.sealing import CHECKPOINTS
from workers.training.speaking import Speaker


@dataclass(frozen=True, kw_only=True)
class Job:
    """A training as it was ordered. `folder` holds its checkpoints, `deadline` (`time.time()`) ends it, or earlier what
    `budget` says of the whole run. Batches are `1 / batch_divisor` of what they would be.
    """

    plan: Plan
    plan_digest: str
    folder: Path
    speaker: Speaker
    device: Mapping[str, Any]
    started_at: float
    deadline: float
    budget: Budget = field(default_factory=Budget)
    batch_divisor: int = 1
    place: str = ""

    @property
    def checkpoints(self) -> Path:
        """Where this training keeps what it need not do twice; a candidate of several has a `place` of its own."""
        return self.folder / CHECKPOINTS / self.place

    @property
    def seconds_left(self) -> float:
        return max(1.0, min(self.deadline, self.budget.training_ends_at) - time.time())

    @property
    def time_is_up(self) -> bool:
        return time.time() >= min(self.deadline, self.budget.training_ends_at)

    @property
    def must_end(self) -> bool:
        """Whether the time is up, or somebody wants what there is."""
        return self.time_is_up or finish_wanted(self.folder)


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Rows of the learnable parts with what members answered that had not seen them: probabilities or standardised
    values."""

    rows: NDArray[np.int64]
    outputs: NDArray[np.float32]

    @classmethod
    def averaging(cls, rows: NDArray[np.int64], outputs: NDArray[Any]) -> Self:
        """Each row once; of one that several members answered, the mean."""
        names, places, counts = np.unique(rows, return_inverse=True, return_counts=True)
        sums = np.zeros((len(names), *outputs.shape[1:]))
        np.add.at(sums, places, outputs)
        means = sums / counts.reshape(-1, *[1] * (outputs.ndim - 1))
        return cls(rows=names, outputs=means.astype(np.float32))


class Solution(Protocol):
    """A trained model. `training` and `history` are for the report."""

    training: dict[str, Any]
    history: list[dict[str, Any]]
    held_out: HeldOut | None

    def ask(self, inputs: Arrays) -> Arrays:
        """Return {"probabilities"} or {"value"} for inputs of the numeric core."""
        ...

    def temper(self, temperature: float) -> None:
        """Divide the logits of a classifier by the temperature: in every answer and every form from now on."""
        ...

    def graph(self, material: Material) -> onnx.ModelProto:
        """Return the core as ONNX."""
        ...

    def export(self, material: Material, folder: Path) -> None:
        """Write the core and every other form that this kind of model has."""
        ...


def to_probabilities(logits: NDArray[Any]) -> NDArray[np.float32]:
    if logits.shape[1] == 1:
        return np.concatenate([1.0 / (1.0 + np.exp(logits)), 1.0 / (1.0 + np.exp(-logits))], axis=1).astype(np.float32)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = (exponents / exponents.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
