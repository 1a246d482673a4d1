"""The reference counts what training saw and what the model answered to rows that it had not learned from."""

from pathlib import Path

import numpy as np

from modelyard.features.binning import LABEL, SCORE, VALUE
from tests.training.tables import KINDS, make_columns, make_plan, write_pictures, write_table
from workers.training.preparing_images import prepare_images
from workers.training.preparing_tables import prepare_table
from workers.training.referring import make_reference


def probabilities(rows: int) -> np.ndarray:
    random = np.random.default_rng(1)
    shares = random.random((rows, 2))
    return shares / shares.sum(axis=1, keepdims=True)


def test_a_table(tmp_path: Path) -> None:
    material = prepare_table(make_plan(write_table(tmp_path, make_columns(600))), "classification")
    answers = {name: probabilities(len(part)) for name, part in vars(material.parts).items()}
    reference = make_reference(material, answers)
    inputs = {column.column: column for column in reference.columns if column.role == "input"}
    assert set(inputs) == set(KINDS)
    assert {column.rows for column in inputs.values()} == {len(material.learnable)}
    gaps = sum(material.rows.raw(int(row))["x"] is None for row in material.learnable)
    assert inputs["x"].counts[-1] == gaps > 0
    assert inputs["town"].measure == "label"
    assert sum(inputs["town"].counts[:3]) == len(material.learnable)
    assert inputs["since"].measure == "date"
    assert reference.part == "test"
    label, score = reference.column(LABEL), reference.column(SCORE)
    assert label is not None
    assert score is not None
    assert label.rows == score.rows == len(material.parts.test)


def test_few_test_rows_are_joined_by_those_of_validation(tmp_path: Path) -> None:
    material = prepare_table(make_plan(write_table(tmp_path, make_columns(220))), "classification")
    answers = {name: probabilities(len(part)) for name, part in vars(material.parts).items()}
    assert make_reference(material, answers).part == "test and validation"
    answers["validation"] = answers["validation"][:0]
    assert make_reference(material, answers).part == "train"


def test_values(tmp_path: Path) -> None:
    plan = make_plan(write_table(tmp_path, make_columns(400)), target="value", template="tabular_regressor")
    material = prepare_table(plan, "regression")
    answers = {name: np.linspace(0, 1, len(part)) for name, part in vars(material.parts).items()}
    value = make_reference(material, answers).column(VALUE)
    assert value is not None
    assert (value.measure, value.column, value.rows) == ("value", "value", len(material.parts.test))


def test_pictures(tmp_path: Path) -> None:
    plan = make_plan(write_pictures(tmp_path), target=None, template="image_classifier")
    material = prepare_images(plan, "classification", 32)
    answers = {name: probabilities(len(part)) for name, part in vars(material.parts).items()}
    reference = make_reference(material, answers)
    measured = {column.measure: column for column in reference.columns if column.role == "input"}
    assert set(measured) == {"brightness", "contrast"}
    assert measured["brightness"].rows == len(material.learnable)
