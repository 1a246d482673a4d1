"""Steps compiled otherwise, or spread over several devices, train the same network."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.environment import ROOT
from tests.training.tables import make_columns, make_plan, write_table
from tests.training.test_fitting import build, fit
from workers.training.checkpoints import save_checkpoint
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table
from workers.training.sealing import CHECKPOINTS
from workers.training.trialling import Trial

CALM = {"dropout": 0.0, "members": 2, "width": 16, "depth": 2, "batch_size": 16, "epochs": 4}


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return prepare_table(make_plan(write_table(tmp_path / "data", make_columns())), "classification")


def list_losses(result: Any) -> list[float]:
    return [loss for epoch in result.memory.history for loss in (epoch["loss"], epoch["val_loss"])]


def test_a_trial_is_recorded_and_changes_little_else(material: Material, tmp_path: Path) -> None:
    found = []
    for name, trial_seconds in (("plain", 1e9), ("tried", 0.0)):
        (tmp_path / name).mkdir()
        network = build(material, **CALM)
        found.append(fit(material, tmp_path / name, network=network, epochs=4, trial_seconds=trial_seconds)[0])
    assert found[0].compilation is None
    assert found[1].compilation["xla"] > 0
    trial = Trial.from_json(found[1].compilation)
    assert trial.plain > 0
    assert trial.mixed > 0
    assert trial.uses_xla is (trial.xla >= 1.1 * trial.plain)
    assert trial.uses_mixed is (trial.mixed >= 1.1 * (trial.xla if trial.uses_xla else trial.plain))
    assert found[1].memory.trial == found[1].compilation
    np.testing.assert_allclose(list_losses(found[0]), list_losses(found[1]), rtol=0.05 if trial.uses_mixed else 1e-3)


def test_what_learns_something_else_is_not_used(material: Material, tmp_path: Path) -> None:
    network = build(material, **CALM)

    @contextmanager
    def spoil(precision: str) -> Iterator[None]:
        kernel = network.trainable[0]
        kernel.assign(kernel * 50.0)
        yield

    spoiled = replace(network, mix=spoil)
    result, engine = fit(material, tmp_path, network=spoiled, epochs=2, trial_seconds=0.0)
    assert result.compilation["mixed"] == 0
    assert not engine.way.mixed


def test_a_run_that_is_taken_up_goes_on_in_the_way_that_it_had_chosen(material: Material, tmp_path: Path) -> None:
    chosen = Trial(plain=1.0, xla=0.0, mixed=2.0, compile_seconds=0.0, uses_xla=False, uses_mixed=True)
    first, engine = fit(material, tmp_path, network=build(material, **CALM), epochs=2)
    memory = replace(first.memory, trial=chosen.to_json(), stopped_by=None)
    save_checkpoint(tmp_path / CHECKPOINTS, memory, engine.variables, plan_digest="plan")
    result, engine = fit(material, tmp_path, network=build(material, **CALM), epochs=4, trial_seconds=0.0)
    assert engine.way == chosen.way
    assert result.compilation == chosen.to_json()
    assert [epoch["epoch"] for epoch in result.memory.history] == [1, 2, 3, 4]


def train_on(count: int, material: Material, folder: Path) -> list[float]:
    folder.mkdir()
    devices = [f"/CPU:{place}" for place in range(count)]
    return list_losses(fit(material, folder, network=build(material, **CALM), devices=devices, epochs=4)[0])


def test_two_devices_train_as_one_does(tmp_path: Path) -> None:
    """In a process of its own: TensorFlow is told of devices before it does anything."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, "-m", "tests.training.test_engine", str(tmp_path)]
    output = subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    one, two = json.loads(output.splitlines()[-1])
    assert one[0] != one[-1]
    np.testing.assert_allclose(one, two, rtol=1e-3)


def main(folder: Path) -> None:
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    plan = make_plan(write_table(folder / "data", make_columns()))
    material = prepare_table(plan, "classification")
    sys.stdout.write("\n" + json.dumps([train_on(count, material, folder / str(count)) for count in (1, 2)]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
