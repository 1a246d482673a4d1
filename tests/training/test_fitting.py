"""The loop of epochs: stopping rules, checkpoints, failures. Small networks in this very process."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.catalog import get_template
from modelyard.catalog.building import Network, Problem
from modelyard.contracts.progress import Progress
from tests.training.tables import SMALL, make_columns, make_plan, write_table
from workers.training.budget import Budget
from workers.training.failures import TrainingFailure
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table
from workers.training.rows import plan_rows
from workers.training.schedules import rate_at, settles_from, strength_at
from workers.training.speaking import Speaker

HYPERPARAMETERS = get_template("tabular_classifier").clean_hyperparameters(SMALL)


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return prepare_table(make_plan(write_table(tmp_path / "data", make_columns())), "classification")


def build(material: Material, **changes: Any) -> Network:
    from modelyard.catalog.tabular_classifier.network import build

    rows = material.learnable
    problem = Problem(
        task="classification",
        inputs=material.take(rows),
        targets=material.targets[rows],
        outputs=2,
        code_sizes=material.code_sizes,
        seed=1,
    )
    return build(problem, {**HYPERPARAMETERS, **changes})


def fit(
    material: Material,
    folder: Path,
    *,
    network: Network | None = None,
    speaker: Speaker | None = None,
    devices: Sequence[str] = (),
    **stopping: Any,
) -> Any:
    from workers.training.engine import Engine
    from workers.training.fitting import Fitter, Stopping

    network = network or build(material)
    engine = Engine(
        network,
        task="classification",
        outputs=2,
        inputs=material.inputs,
        targets=material.targets,
        seed=1,
        devices=devices,
    )
    rules = {"epochs": 6, "patience": 0, "loss_threshold": None, "seconds": 600.0, **stopping}
    fitter = Fitter(engine, plan_rows(material, network.members), Stopping(**rules), speaker or Speaker(), folder)
    return fitter.fit("plan"), engine


def test_it_learns(material: Material, tmp_path: Path) -> None:
    result, _ = fit(material, tmp_path, epochs=12)
    losses = [epoch["loss"] for epoch in result.memory.history]
    assert result.stopped_by == "epochs"
    assert losses[-1] < 0.7 * losses[0]
    assert result.memory.history[-1]["val_accuracy"] > 0.6


def test_a_loss_threshold_stops(material: Material, tmp_path: Path) -> None:
    result, _ = fit(material, tmp_path, epochs=500, loss_threshold=0.6)
    assert result.stopped_by == "loss_threshold"
    assert result.memory.history[-1]["loss"] <= 0.6
    assert all(epoch["loss"] > 0.6 for epoch in result.memory.history[:-1])


def test_patience_stops_and_the_best_epoch_is_kept(material: Material, tmp_path: Path) -> None:
    result, engine = fit(material, tmp_path, epochs=60, patience=3)
    settled = int(60 * settles_from(engine.network.schedule))
    assert settled == 40
    assert result.stopped_by == "patience"
    assert result.memory.epoch == max(result.memory.best_epoch, settled) + 3
    for kept, weight in zip(result.memory.best, engine.read_weights()[: len(result.memory.best)], strict=True):
        assert kept.shape == weight.shape


def test_the_time_budget_stops(material: Material, tmp_path: Path) -> None:
    result, _ = fit(material, tmp_path, epochs=10_000, seconds=3.0)
    assert result.stopped_by == "time"
    assert result.memory.epoch < 10_000
    assert result.memory.best


def test_a_file_named_finish_ends_the_run_with_the_best_so_far(material: Material, tmp_path: Path) -> None:
    (tmp_path / "finish").touch()
    result, _ = fit(material, tmp_path, epochs=10_000)
    assert result.stopped_by == "finish"
    assert result.memory.epoch == 1
    assert result.memory.best


class Slowly(Speaker):
    """Has every step take for ever, from the end of the first epoch on."""

    def __init__(self, laps: Any) -> None:
        super().__init__()
        self.laps = laps

    def epoch(self, progress: float, eta_seconds: float | None, **fields: Any) -> None:
        self.laps.assign(2**31 - 1)


def build_slow(material: Material, laps: Any) -> Network:
    """A network that computes in vain for so many `laps` before each step."""
    import tensorflow as tf

    def augment(inputs: Any, seed: Any) -> Any:
        square = tf.ones([64, 64])
        _, square = tf.while_loop(
            lambda lap, _: lap < laps, lambda lap, one: (lap + 1, tf.linalg.matmul(one, one) * 0.0), [0, square]
        )
        return {**inputs, "numbers": inputs["numbers"] + tf.reduce_sum(square) * 0.0}

    return replace(build(material), augment=augment)


def test_a_step_that_does_not_end_is_interrupted_and_the_best_is_kept(material: Material, tmp_path: Path) -> None:
    import tensorflow as tf

    laps = tf.Variable(1)
    network = build_slow(material, laps)
    result, engine = fit(material, tmp_path, network=network, speaker=Slowly(laps), epochs=10_000, seconds=8.0)
    assert result.stopped_by == "time"
    assert result.memory.epoch == result.memory.best_epoch == 1
    for kept, weight in zip(result.memory.best, engine.read_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)


def test_without_a_single_step_there_is_nothing_to_keep(material: Material, tmp_path: Path) -> None:
    import tensorflow as tf

    budget = Budget(began_at=time.time(), ends_at=time.time() + 3.0)
    with pytest.raises(TrainingFailure, match="before training had taken its first step") as caught:
        fit(material, tmp_path, network=build_slow(material, tf.constant(2**31 - 1)), seconds=1.0, budget=budget)
    assert caught.value.code == "timeout"
    assert "larger time budget" in caught.value.hint


def test_more_time_is_kept_where_compiling_took_long() -> None:
    budget = Budget(began_at=0.0, ends_at=1000.0, rows_to_answer=1_000_000)
    guess = budget.reserve
    budget.compiled_seconds = 20.0
    compiled = budget.reserve
    budget.seconds_a_row = 1e-4
    assert guess < compiled < budget.reserve < 500.0
    assert budget.training_ends_at == 1000.0 - budget.reserve
    assert Budget(began_at=0.0, ends_at=6.0).reserve <= 3.0, "half of the time is for training"


def test_a_loss_that_explodes_is_explained(material: Material, tmp_path: Path) -> None:
    network = replace(build(material), learning_rate=1e30, optimizer="sgd")
    with pytest.raises(TrainingFailure, match="the loss became") as caught:
        fit(material, tmp_path, network=network)
    assert caught.value.code == "nan_loss"
    assert "learning rate" in caught.value.hint


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says the epochs of its checkpoint again: who heard of them first may not have lived to write them down."""
    monkeypatch.setattr("workers.training.fitting.SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    alone, interrupted = tmp_path / "alone", tmp_path / "interrupted"
    alone.mkdir()
    interrupted.mkdir()
    whole, _ = fit(material, alone)
    with pytest.raises(KeyboardInterrupt):
        fit_and_stop_after(3, material, interrupted, monkeypatch)
    capsys.readouterr()
    resumed, _ = fit(material, interrupted)
    said = [Progress.from_line(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.epoch for one in said if one.event == "epoch"] == [1, 2, 3, 4, 5, 6]
    assert [epoch["epoch"] for epoch in resumed.memory.history] == [1, 2, 3, 4, 5, 6]
    for name in ("loss", "val_loss"):
        wanted = [epoch[name] for epoch in whole.memory.history]
        np.testing.assert_allclose([epoch[name] for epoch in resumed.memory.history], wanted, rtol=1e-4)


def test_the_clock_has_no_say_in_a_run_that_is_done_in_time(material: Material, tmp_path: Path) -> None:
    """The same plan gives the same metrics, however busy the machine is and however wide the budget."""
    histories = []
    for seconds in (600.0, 60_000.0):
        folder = tmp_path / str(seconds)
        folder.mkdir()
        result, _ = fit(material, folder, seconds=seconds)
        histories.append([(epoch["loss"], epoch["val_loss"]) for epoch in result.memory.history])
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-6)


def fit_and_stop_after(epochs: int, material: Material, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt a run right after a checkpoint, as a power cut would."""
    from workers.training import fitting

    save = fitting.save_checkpoint

    def save_and_stop(folder: Path, memory: Any, *arguments: Any, **names: Any) -> None:
        save(folder, memory, *arguments, **names)
        if memory.epoch == epochs:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fitting, "save_checkpoint", save_and_stop)
        fit(material, folder)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    import tensorflow as tf

    from workers.training.checkpoints import Memory, load_checkpoint, save_checkpoint

    variable = tf.Variable([1.0, 2.0])
    for epoch in (1, 2, 3):
        variable.assign([epoch, epoch])
        save_checkpoint(tmp_path, Memory(epoch=epoch, best=[np.ones(2)]), [variable], plan_digest="a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000002", "000003"]
    (tmp_path / "000003" / "arrays.npz").write_bytes(b"torn")
    memory = load_checkpoint(tmp_path, [variable], plan_digest="a")
    assert memory is not None
    assert memory.epoch == 2
    assert variable.numpy().tolist() == [2.0, 2.0]
    assert load_checkpoint(tmp_path, [variable], plan_digest="another plan") is None


@pytest.mark.parametrize("schedule", ["cos_log", "one_cycle", "cosine", "constant"])
def test_learning_rates_stay_between_nothing_and_the_whole(schedule: str) -> None:
    rates = [rate_at(schedule, step / 100) for step in range(101)]
    assert all(0.0 <= rate <= 1.0 + 1e-9 for rate in rates)
    assert max(rates) > 0.9
    assert (strength_at(0.3), strength_at(1.0)) == (1.0, 0.0)
