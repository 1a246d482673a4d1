"""Steps compiled otherwise, or spread over several devices, train the same network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.environment import ROOT
from tests.training.tables import make_columns, make_plan, write_table
from tests.training.test_fitting import build, fit
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table

CALM = {"dropout": 0.0, "members": 2, "width": 16, "depth": 2, "batch_size": 16, "epochs": 4}


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return prepare_table(make_plan(write_table(tmp_path / "data", make_columns())), "classification")


def list_losses(result: Any) -> list[float]:
    return [loss for epoch in result.memory.history for loss in (epoch["loss"], epoch["val_loss"])]


def test_a_trial_of_xla_is_recorded_and_changes_nothing_else(material: Material, tmp_path: Path) -> None:
    found = []
    for name, trial_seconds in (("plain", 1e9), ("tried", 0.0)):
        (tmp_path / name).mkdir()
        network = build(material, **CALM)
        found.append(fit(material, tmp_path / name, network=network, epochs=4, trial_seconds=trial_seconds)[0])
    assert found[0].compilation is None
    assert found[1].compilation["xla"] > 0
    assert found[1].compilation["uses_xla"] is (found[1].compilation["xla"] >= 1.1 * found[1].compilation["plain"])
    np.testing.assert_allclose(list_losses(found[0]), list_losses(found[1]), rtol=1e-3)


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
