"""Runs that were killed go on from what they had finished, and end where an uninterrupted one does."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.catalog import get_template
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from tests.series.samples import prepare as prepare_series
from tests.series.samples import shop_sales
from tests.series.samples import train as train_forecaster
from tests.training.tables import make_columns, make_plan, write_plan, write_table
from tests.training.test_child import said_by, start
from tests.training.whole import train
from workers.ordering import holds_checkpoints
from workers.training.preparing_tables import prepare_table
from workers.training.sealing import MANIFEST, holds_sealed, open_sealed, remove_damaged, seal, write_arrays

TWO_KINDS = {"candidates": 2, "task": "classification"}
TREES = {"members": 2, "epochs": 60, "task": "classification", "patience": 0}


class Killed(BaseException):
    """As sudden as a signal: nothing of ours catches it."""


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    values = {"a": np.arange(3)}
    seal(tmp_path / "one", plan_digest="p", facts={"n": 1}, write=write_arrays(values))
    found = open_sealed(tmp_path / "one", plan_digest="p")
    assert found is not None
    assert found.facts == {"n": 1}
    np.testing.assert_array_equal(found.arrays()["a"], values["a"])
    assert open_sealed(tmp_path / "one", plan_digest="another") is None
    assert open_sealed(tmp_path / "two", plan_digest="p") is None
    (tmp_path / "one" / "arrays.npz").write_bytes(b"torn")
    assert open_sealed(tmp_path / "one", plan_digest="p") is None


def test_what_is_half_written_does_not_count(tmp_path: Path) -> None:
    def write_half(folder: Path) -> None:
        (folder / "a").write_text("a")
        raise Killed

    with pytest.raises(Killed):
        seal(tmp_path / "one", plan_digest="p", facts={}, write=write_half)
    (half,) = tmp_path.glob("one.*.partial")
    (half / MANIFEST).write_text("{}")
    assert not holds_sealed(tmp_path)
    assert not holds_checkpoints(tmp_path)
    seal(tmp_path / "deeper" / "one", plan_digest="p", facts={})
    assert holds_sealed(tmp_path)
    assert holds_checkpoints(tmp_path)


def test_a_damaged_folder_is_removed_by_name(tmp_path: Path) -> None:
    for name in ("000001", "000002", "deeper/trees"):
        seal(tmp_path / name, plan_digest="p", facts={}, write=write_arrays({"a": np.arange(3)}))
    (tmp_path / "000002" / "arrays.npz").write_bytes(b"torn")
    (tmp_path / "deeper" / "trees" / MANIFEST).write_text("{")
    assert remove_damaged(tmp_path) == ["000002", "deeper/trees"]
    assert open_sealed(tmp_path / "000001", plan_digest="p") is not None
    assert not (tmp_path / "000002").exists()
    assert remove_damaged(tmp_path) == []


def kill_after(seals: int, monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Have so many folders sealed, and then the end."""
    count = 0

    def seal_some(*arguments: Any, **names: Any) -> None:
        nonlocal count
        seal(*arguments, **names)
        count += 1
        if count == seals:
            raise Killed

    for module in modules:
        monkeypatch.setattr(f"{module}.seal", seal_some)


@pytest.mark.parametrize("seals", [1, 3])
def test_trees_go_on_in_the_middle_of_a_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seals: int) -> None:
    """A member of 60 trees is grown in three slices: two of them are sealed, and then the member."""
    monkeypatch.setattr("workers.training.trees.slicing.CELLS_A_SLICE", 1)
    data = write_table(tmp_path / "data", make_columns())
    settings = get_template("boosted_trees").clean_hyperparameters(TREES)
    material = prepare_table(make_plan(data, template="boosted_trees", hyperparameters={}), "classification")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    wanted = train(material, settings, whole).ask(material.inputs)["probabilities"]
    with monkeypatch.context() as patch:
        kill_after(seals, patch, "workers.training.trees.slicing", "workers.training.trees.growing")
        with pytest.raises(Killed):
            train(material, settings, killed)
    assert holds_checkpoints(killed / "checkpoints")
    resumed = train(material, settings, killed)
    np.testing.assert_array_equal(resumed.ask(material.inputs)["probabilities"], wanted)
    assert resumed.training["epochs"] > 20
    assert not list((killed / "checkpoints").rglob("*-slices"))


def test_trees_without_time_are_those_that_were_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.training.trees.slicing.CELLS_A_SLICE", 1)
    data = write_table(tmp_path / "data", make_columns())
    settings = get_template("boosted_trees").clean_hyperparameters(TREES)
    material = prepare_table(make_plan(data, template="boosted_trees", hyperparameters={}), "classification")
    with monkeypatch.context() as patch:
        kill_after(1, patch, "workers.training.trees.slicing")
        with pytest.raises(Killed):
            train(material, settings, tmp_path)
    rescued = train(material, settings, tmp_path, seconds=0.0)
    assert rescued.training["members"] == 1
    assert rescued.training["epochs"] <= 20


def test_a_forecaster_goes_on_after_the_networks_that_it_had_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"network": "always", "steps": 200, "width": 8, "depth": 1}
    monkeypatch.setattr("workers.training.checkpoints.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    material = prepare_series(tmp_path / "data", shop_sales(72), **settings)
    wanted = train_forecaster(tmp_path / "whole", material)
    with monkeypatch.context() as patch:
        kill_after(3, patch, "workers.training.checkpoints")
        with pytest.raises(Killed):
            train_forecaster(tmp_path / "killed", material)
    found = train_forecaster(tmp_path / "killed", material)
    assert found.report["metrics"]["test"] == pytest.approx(wanted.report["metrics"]["test"], rel=1e-5)
    assert found.solution.blend.weights == pytest.approx(wanted.solution.blend.weights)


def test_a_forecaster_without_time_for_more_uses_the_network_that_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shares of a blend add up to one, whatever was left untrained."""
    settings = {"network": "always", "steps": 100, "width": 8, "depth": 1}
    material = prepare_series(tmp_path / "data", shop_sales(72), **settings)
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        kill_after(1, patch, "workers.training.checkpoints")
        with pytest.raises(Killed):
            train_forecaster(folder, material)
    (folder / "finish").touch()
    forecaster = train_forecaster(folder, material)
    assert forecaster.solution.learned is (forecaster.solution.blend.weights["network"] > 0)
    assert forecaster.report["headline"]["value"] < 2.0


def run_child(folder: Path) -> tuple[str, dict[str, Any]]:
    process = start(folder)
    output, faults = process.communicate(timeout=600)
    assert process.returncode == 0, faults
    return output, read_json(folder / "artifact" / artifact.REPORT)


def test_a_blend_goes_on_with_the_candidates_that_it_had_trained(tmp_path: Path) -> None:
    """Real processes, one of them killed by SIGKILL."""
    data = write_table(tmp_path / "data", make_columns())
    plan = make_plan(data, template="auto_table", hyperparameters=TWO_KINDS)
    whole, killed = write_plan(tmp_path / "whole", plan), write_plan(tmp_path / "killed", plan)
    process = start(killed)
    wait_for(process, "Member 2 of")
    process.kill()
    process.communicate(timeout=60)
    assert holds_checkpoints(killed / "checkpoints")
    seal(killed / "checkpoints" / "damaged", plan_digest="any", facts={})
    (killed / "checkpoints" / "damaged" / MANIFEST).write_text("{}")
    wanted = run_child(whole)[1]
    output, found = run_child(killed)
    said = [progress.message for progress in said_by(output) if progress.message]
    assert any("held-out" in message for message in said)
    assert sum("checkpoint damaged was damaged" in message for message in said) == 1
    assert found["metrics"]["test"] == pytest.approx(wanted["metrics"]["test"], rel=1e-4)
    shares = [{one["name"]: one["weight"] for one in report["training"]["leaderboard"]} for report in (wanted, found)]
    assert shares[0] == pytest.approx(shares[1])


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended before it said {words!r}")
