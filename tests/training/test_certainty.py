"""How sure a model may be: temperatures, intervals, and how far metrics may be off."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from modelyard.contracts.plan import Split
from modelyard.features.decoder import ValueDecoder
from tests.training.tables import make_columns, make_plan, write_table
from workers.training import metrics
from workers.training.bootstrapping import ClassSample, Drawer, ValueSample, draw_again
from workers.training.calibrating import calibrate, find_temperature, temper
from workers.training.class_report import measure_calibration
from workers.training.conforming import LEVELS, fit_intervals, measure_intervals
from workers.training.preparing import Material
from workers.training.preparing_tables import prepare_table


def draw_classes(rows: int, sharpness: float, seed: int = 0) -> tuple[Any, Any]:
    """Classes drawn from probabilities, and those probabilities with their logits multiplied by `sharpness`."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(rows, 3)) * 1.5
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (random.random(rows)[:, None] > honest.cumsum(axis=1)).sum(axis=1)
    return truth, temper(honest, 1 / sharpness)


# -- temperature


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_too_much_or_too_little_confidence(sharpness: float) -> None:
    truth, probabilities = draw_classes(4000, sharpness)
    assert find_temperature(truth, probabilities) == pytest.approx(sharpness, rel=0.1)


def test_probabilities_mean_what_they_say_once_tempered() -> None:
    truth, probabilities = draw_classes(3000, 2.5)
    calibration = calibrate(truth, probabilities, np.arange(3000), 0)
    later, answers = draw_classes(3000, 2.5, seed=1)
    before, after = (
        measure_calibration(later, one)["ece"] for one in (answers, temper(answers, calibration.temperature))
    )
    assert after < 0.04 < 0.1 < before
    assert (calibration.loss_after or 0.0) < (calibration.loss_before or 0.0)


def test_answers_that_are_honest_already_are_left_alone() -> None:
    truth, probabilities = draw_classes(3000, 1.0, seed=2)
    assert calibrate(truth, probabilities, np.arange(3000), 0).temperature == pytest.approx(1.0, abs=0.08)


def test_too_few_rows_change_nothing() -> None:
    truth, probabilities = draw_classes(99, 3.0)
    assert calibrate(truth, probabilities, np.arange(99), 0).temperature == 1.0


def test_answers_that_are_all_right_do_not_become_certain() -> None:
    truth = np.arange(200) % 2
    probabilities = np.where(np.eye(2)[truth] > 0, 0.9, 0.1)
    tempered = temper(probabilities, find_temperature(truth, probabilities))
    assert 0.9 < tempered.max() < 0.9999


def test_classes_without_any_probability_stay_finite() -> None:
    truth, probabilities = np.arange(300) % 3, np.eye(3)[np.arange(300) % 3]
    assert np.isfinite(temper(probabilities, find_temperature(truth, probabilities))).all()


def test_tempering_is_undone_by_the_inverse() -> None:
    _truth, probabilities = draw_classes(50, 1.0)
    np.testing.assert_allclose(temper(temper(probabilities, 1.7), 1 / 1.7), probabilities, rtol=1e-9)


# -- intervals


def draw_values(rows: int, *, wider: bool, seed: int = 0) -> tuple[ValueDecoder, Any, Any]:
    """Answers of a core and true values, whose errors grow with their size where `wider`."""
    random = np.random.default_rng(seed)
    outputs = random.uniform(-1.5, 1.5, (rows, 1))
    spread = np.exp(outputs[:, 0]) if wider else np.ones(rows)
    truth = 100 + 10 * (outputs[:, 0] + 0.3 * spread * random.normal(size=rows))
    return ValueDecoder(mean=100, scale=10, transform="none", minimum=0, maximum=500), outputs, truth


@pytest.mark.parametrize("wider", [False, True])
def test_as_many_values_lie_inside_as_the_level_says(wider: bool) -> None:
    decoder, outputs, truth = draw_values(1500, wider=wider)
    decoder.intervals = fit_intervals(decoder, outputs, truth, np.arange(1500), 0)
    assert decoder.intervals is not None
    assert decoder.intervals.levels == LEVELS
    _decoder, later, values = draw_values(3000, wider=wider, seed=1)
    measured = measure_intervals(decoder, {"value": later}, values)
    assert [one["coverage"] for one in measured["levels"]] == pytest.approx(LEVELS, abs=0.03)
    assert measured["by_size"] is wider


def test_intervals_widen_where_errors_do() -> None:
    decoder, outputs, truth = draw_values(1500, wider=True)
    decoder.intervals = fit_intervals(decoder, outputs, truth, np.arange(1500), 0)
    low, high = decoder.bounds({"value": np.array([[-1.0], [1.0]])}, 0.9)
    assert (high - low)[1] > 3 * (high - low)[0]


def test_a_level_that_few_rows_cannot_tell_is_not_offered() -> None:
    decoder, outputs, truth = draw_values(30, wider=False)
    decoder.intervals = fit_intervals(decoder, outputs, truth, np.arange(30), 0)
    assert decoder.intervals is not None
    assert decoder.intervals.levels == (0.5, 0.8, 0.9, 0.95)
    with pytest.raises(KeyError):
        decoder.bounds({"value": outputs}, 0.99)
    assert fit_intervals(decoder, outputs[:10], truth[:10], np.arange(10), 0) is None


def test_intervals_of_a_target_on_a_logarithmic_scale_stay_above_zero() -> None:
    random = np.random.default_rng(0)
    outputs = random.normal(size=(500, 1))
    truth = np.expm1(np.maximum(2 + outputs[:, 0] + 0.5 * random.normal(size=500), 0))
    decoder = ValueDecoder(mean=2, scale=1, transform="log", minimum=0, maximum=float(truth.max()))
    decoder.intervals = fit_intervals(decoder, outputs, truth, np.arange(500), 0)
    low, high = decoder.bounds({"value": outputs}, 0.9)
    values = decoder.values({"value": outputs})
    assert (low >= 0).all()
    assert (low <= values).all()
    assert (values <= high).all()
    assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.9, abs=0.02)


def test_a_decoder_keeps_its_intervals() -> None:
    decoder, outputs, truth = draw_values(300, wider=True)
    decoder.intervals = fit_intervals(decoder, outputs, truth, np.arange(300), 0)
    again = ValueDecoder.from_json(decoder.to_json())
    np.testing.assert_array_equal(again.bounds({"value": outputs}, 0.8), decoder.bounds({"value": outputs}, 0.8))


# -- draws


def test_a_draw_of_every_row_once_gives_the_metrics_themselves() -> None:
    truth, probabilities = draw_classes(300, 1.0)
    drawn = ClassSample(truth, probabilities).measure(np.ones(300))
    for name, value in metrics.measure_classes(truth, probabilities).items():
        assert drawn[name] == pytest.approx(value)
    values, answers = np.arange(51.0), np.arange(51.0) + np.random.default_rng(0).normal(size=51)
    sample = ValueSample(values, answers).measure(np.ones(51))
    assert sample == pytest.approx(metrics.measure_values(values, answers))


def test_weighted_curves_agree_with_repeated_rows() -> None:
    truth, probabilities = draw_classes(200, 1.0)
    rare, scores = (truth == 0).astype(int), probabilities[:, :1].round(1)
    two = np.concatenate([1 - scores, scores], axis=1)
    weights = np.random.default_rng(0).integers(0, 4, 200)
    drawn = ClassSample(rare, two).measure(weights.astype(float))
    again, repeated = np.repeat(rare, weights), np.repeat(two[:, 1], weights)
    assert drawn["roc_auc"] == pytest.approx(roc_auc_score(again, repeated))
    assert drawn["average_precision"] == pytest.approx(average_precision_score(again, repeated))


def test_rows_are_drawn_within_their_class() -> None:
    classes = np.random.default_rng(0).integers(0, 3, 100)
    drawn = Drawer("class", classes).draw(np.random.default_rng(1))
    assert np.bincount(classes, drawn).tolist() == np.bincount(classes).tolist()
    assert drawn.max() > 1


def test_whole_groups_are_drawn() -> None:
    groups = np.repeat(np.arange(10), 5)
    drawn = Drawer("group", groups).draw(np.random.default_rng(1)).reshape(10, 5)
    assert (drawn == drawn[:, :1]).all()
    assert drawn[:, 0].sum() == 10


def prepare(folder: Path, **plan: Any) -> Material:
    data = write_table(folder, {**make_columns(), "who": [str(row // 6) for row in range(120)]})
    return prepare_table(make_plan(data, **plan), "classification")


def test_draws_follow_from_the_test_rows_alone(tmp_path: Path) -> None:
    material = prepare(tmp_path)
    rows, answers = material.parts.test, np.tile([0.4, 0.6], (18, 1))
    one = draw_again(material, rows, answers)
    other = draw_again(prepare(tmp_path, seed=8), rows, answers)
    third = draw_again(material, material.parts.validation, answers)
    assert one.digest == other.digest != third.digest
    assert np.array_equal(one.values["accuracy"], other.values["accuracy"])
    low, high = one.interval("accuracy") or (1.0, 0.0)
    accuracy = metrics.measure_classes(material.truth[rows], answers)["accuracy"]
    assert low <= accuracy <= high


@pytest.mark.parametrize(
    ("method", "column", "unit"), [("group", "who", "group"), ("time", "since", "block"), ("random", None, "class")]
)
def test_what_is_drawn_follows_from_the_split(tmp_path: Path, method: Any, column: str | None, unit: str) -> None:
    material = prepare(tmp_path, split=Split(method=method, column=column))
    answers = np.tile([0.4, 0.6], (len(material.parts.test), 1))
    assert draw_again(material, material.parts.test, answers).unit == unit
