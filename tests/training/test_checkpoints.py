"""Checkpoints that somebody has changed: they are passed over, and what they hold is never run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.contracts.artifact import digest_of
from modelyard.contracts.jsonfile import read_json, write_json
from workers.training.checkpoints import Memory, load_checkpoint, save_checkpoint
from workers.training.sealing import ARRAYS, MANIFEST

PLAN = "a plan"


class Weights:
    """What a checkpoint asks of a variable, without loading TensorFlow."""

    shape = (2,)

    def __init__(self, *values: float) -> None:
        self.values = np.array(values)

    def numpy(self) -> Any:
        return self.values

    def assign(self, values: Any) -> None:
        self.values = values


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "checkpoints", Memory(epoch=1), [Weights(1.0, 2.0)], plan_digest=PLAN)
    return tmp_path / "checkpoints" / "000001"


def test_a_checkpoint_gives_back_what_was_saved(folder: Path) -> None:
    weights = Weights(0.0, 0.0)
    memory = load_checkpoint(folder.parent, [weights], plan_digest=PLAN)
    assert memory is not None
    assert (memory.epoch, weights.values.tolist()) == (1, [1.0, 2.0])


def test_a_changed_checkpoint_is_not_gone_on_from(folder: Path) -> None:
    np.savez(folder / ARRAYS, variable_0=np.array([7.0, 7.0]))
    weights = Weights(0.0, 0.0)
    assert load_checkpoint(folder.parent, [weights], plan_digest=PLAN) is None
    assert weights.values.tolist() == [0.0, 0.0]


def test_a_checkpoint_never_runs_what_it_holds(folder: Path, tmp_path: Path) -> None:
    """Not even where somebody could write the manifest too."""
    mark = tmp_path / "it ran"
    np.savez(folder / ARRAYS, variable_0=np.array([Payload(mark), None], dtype=object))
    write_json(folder / MANIFEST, {**read_json(folder / MANIFEST), "files": {ARRAYS: digest_of(folder / ARRAYS)}})
    assert load_checkpoint(folder.parent, [Weights(0.0, 0.0)], plan_digest=PLAN) is None
    assert not mark.exists()
