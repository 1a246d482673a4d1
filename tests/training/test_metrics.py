"""Metrics against their definitions and scikit-learn."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from workers.training import metrics
from workers.training.reporting import clean_numbers


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, 300)
    scores = np.exp(np.eye(3)[truth] + random.normal(size=(300, 3)).round(1))
    return truth, scores / scores.sum(axis=1, keepdims=True)


def test_classification_agrees_with_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    truth, probabilities = answers
    found = probabilities.argmax(axis=1)
    measured = metrics.measure_classes(truth, probabilities)
    assert measured["accuracy"] == pytest.approx(reference.accuracy_score(truth, found))
    assert measured["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, found))
    assert measured["f1"] == pytest.approx(reference.f1_score(truth, found, average="macro"))
    assert measured["loss"] == pytest.approx(reference.log_loss(truth, probabilities))
    assert measured["roc_auc"] == pytest.approx(reference.roc_auc_score(truth, probabilities, multi_class="ovr"))


def test_two_classes_are_measured_by_the_rarer_one(answers: tuple[np.ndarray, np.ndarray]) -> None:
    truth, probabilities = answers
    rare = (truth == 0).astype(int)
    two = np.stack([1 - probabilities[:, 0], probabilities[:, 0]], axis=1)
    measured = metrics.measure_classes(rare, two)
    assert measured["roc_auc"] == pytest.approx(reference.roc_auc_score(rare, two[:, 1]))
    assert measured["average_precision"] == pytest.approx(reference.average_precision_score(rare, two[:, 1]))


def test_regression_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(size=50)
    values = truth + random.normal(size=50)
    measured = metrics.measure_values(truth, values)
    assert measured["rmse"] == pytest.approx(reference.root_mean_squared_error(truth, values))
    assert measured["r2"] == pytest.approx(reference.r2_score(truth, values))


@pytest.mark.parametrize("unit", [1e-250, 1.0, 1e250])
def test_regression_is_measured_whatever_the_unit(unit: float) -> None:
    measured = metrics.measure_values(np.array([1.0, 2.0, 3.0]) * unit, np.array([1.0, 2.0, 4.0]) * unit)
    assert measured["rmse"] == pytest.approx(3**-0.5 * unit, rel=1e-9, abs=0)
    assert measured["r2"] == pytest.approx(0.5)


def test_accuracy_is_not_the_headline_where_one_class_dominates() -> None:
    assert metrics.choose_headline(np.repeat([0, 1], (50, 50)), 2) == "accuracy"
    assert metrics.choose_headline(np.repeat([0, 1], (999, 1)), 2) == "roc_auc"
    assert metrics.choose_headline(np.repeat([0, 1, 2], (90, 5, 5)), 3) == "balanced_accuracy"


def test_a_class_that_is_absent_leaves_the_area_undefined() -> None:
    assert metrics.roc_auc(np.zeros(5, np.int64), np.full((5, 2), 0.5)) is None


def test_the_bootstrap_interval_holds_the_value() -> None:
    hits = np.repeat([True, False], (80, 20))
    low, high = metrics.bootstrap(lambda rows: float(hits[rows].mean()), 100, seed=0) or (0.0, 0.0)
    assert 0.7 < low < 0.8 < high < 0.9


def test_reports_hold_no_infinities() -> None:
    cleaned = clean_numbers({"a": [float("nan"), np.float32(1 / 3), np.int64(3)], "b": {"c": float("inf")}})
    assert json.dumps(cleaned, allow_nan=False) == '{"a": [null, 0.3333333, 3], "b": {"c": null}}'
