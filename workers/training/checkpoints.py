"""Checkpoints of a network: its variables and what training remembers, at the end of an epoch; the last two are
kept."""

import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from workers.training.sealing import open_sealed, seal, write_arrays

KEPT = 2
SECONDS_BETWEEN_CHECKPOINTS = 20.0
StoppedBy = Literal["epochs", "patience", "loss_threshold", "time", "finish"]


@dataclass(kw_only=True)
class Memory:
    """What a run must remember between epochs besides its variables. `stopped_by` says why training is over,
    `trial` which ways to compute were tried (`Trial`): a run that is taken up goes on in the same one."""

    epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = float("inf")
    best: list[NDArray[Any]] = field(default_factory=list)
    stopped_by: StoppedBy | None = None
    trial: dict[str, Any] | None = None


def save_checkpoint(folder: Path, memory: Memory, variables: list[Any], *, plan_digest: str) -> None:
    """Write a checkpoint of the end of an epoch and remove all but the newest two."""
    arrays = {f"variable_{index}": variable.numpy() for index, variable in enumerate(variables)}
    arrays |= {f"best_{index}": array for index, array in enumerate(memory.best)}
    said = {name: value for name, value in asdict(memory).items() if name != "best"}
    said["best_loss"] = None if memory.best_loss == float("inf") else memory.best_loss
    seal(folder / f"{memory.epoch:06d}", plan_digest=plan_digest, facts=said, write=write_arrays(arrays))
    for old in sorted(folder.glob("[0-9]" * 6))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def load_checkpoint(folder: Path, variables: list[Any], *, plan_digest: str) -> Memory | None:
    """Restore the newest checkpoint of this plan that is whole; None where there is none."""
    for candidate in sorted(folder.glob("[0-9]" * 6), reverse=True):
        memory = _load(candidate, variables, plan_digest)
        if memory is not None:
            return memory
    return None


@dataclass(kw_only=True)
class Checkpoints:
    """The checkpoints of one training that counts its own epochs: now and then one, and one at the end."""

    folder: Path
    plan_digest: str
    saved_at: float = field(default_factory=time.monotonic)

    def load(self, variables: list[Any]) -> Memory | None:
        return load_checkpoint(self.folder, variables, plan_digest=self.plan_digest)

    def save(self, memory: Memory, variables: list[Any]) -> None:
        """Save if training is over, or goes on and the last time was long ago."""
        if memory.stopped_by is None and time.monotonic() - self.saved_at < SECONDS_BETWEEN_CHECKPOINTS:
            return
        save_checkpoint(self.folder, memory, variables, plan_digest=self.plan_digest)
        self.saved_at = time.monotonic()


def _load(candidate: Path, variables: list[Any], plan_digest: str) -> Memory | None:
    sealed = open_sealed(candidate, plan_digest=plan_digest)
    if sealed is None:
        return None
    try:
        arrays = sealed.arrays()
        values = [arrays[f"variable_{index}"] for index in range(len(variables))]
    except (OSError, ValueError, KeyError):
        return None
    best = [arrays[f"best_{index}"] for index in range(sum(name.startswith("best_") for name in arrays))]
    if any(value.shape != tuple(variable.shape) for value, variable in zip(values, variables, strict=True)):
        return None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    said = dict(sealed.facts)
    if said["best_loss"] is None:
        said["best_loss"] = float("inf")
    return Memory(**said, best=best)
