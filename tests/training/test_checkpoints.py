"""Checkpoints that somebody has changed: they are passed over, and what they hold is never run."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.contracts.artifact import digest_of
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.environment import ROOT
from workers.training.checkpoints import Memory, load_checkpoint, save_checkpoint
from workers.training.sealing import ARRAYS, MANIFEST, remove_damaged

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


def test_what_is_half_written_is_cleared_away_and_not_counted(folder: Path) -> None:
    for left in (folder.with_name("000002.1234abcd.partial"), folder.parent / "member-1" / "000001.99aa.partial"):
        left.mkdir(parents=True)
        (left / MANIFEST).write_text("{}")
    assert remove_damaged(folder.parent) == []
    assert sorted(path.name for path in folder.parent.rglob("*") if path.is_dir()) == ["000001", "member-1"]


def test_a_worker_that_wakes_up_late_and_its_successor_harm_no_checkpoint_of_each_other(tmp_path: Path) -> None:
    """Both write the same epochs into the same folder, as fast as they can: the frozen one hears late that it lost."""
    command = [sys.executable, "-m", "tests.training.test_checkpoints", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
    pair = [
        subprocess.Popen([*command, value], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        for value in ("1", "2")
    ]
    errors = [process.communicate()[1] for process in pair]
    assert [process.returncode for process in pair] == [0, 0], errors
    weights = Weights(0.0, 0.0)
    memory = load_checkpoint(tmp_path, [weights], plan_digest=PLAN)
    assert memory is not None
    assert memory.epoch == EPOCHS
    assert weights.values[0] == weights.values[1]
    assert remove_damaged(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == [f"{EPOCHS - 1:06d}", f"{EPOCHS:06d}"]


EPOCHS = 200


def main(folder: Path, value: float) -> None:
    """Save checkpoints of so many epochs, reading after each whatever is newest, which must be whole."""
    (folder / f"{value}.here").touch()
    while len(list(folder.glob("*.here"))) < 2:
        pass
    for epoch in range(1, EPOCHS + 1):
        save_checkpoint(folder, Memory(epoch=epoch), [Weights(value, value)], plan_digest=PLAN)
        found = Weights(0.0, 1.0)
        if load_checkpoint(folder, [found], plan_digest=PLAN) is not None:
            assert found.values[0] == found.values[1]


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
