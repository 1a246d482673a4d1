"""Raw values fall into the bins that training chose, whichever way they come."""

import json
import math

import numpy as np

from modelyard.contracts.reference import Reference
from modelyard.features.binning import (
    LABEL,
    SCORE,
    Binner,
    count_numbers,
    fit_images,
    fit_inputs,
    fit_labels,
    fit_numbers,
)
from modelyard.features.images import ImageFeatures
from modelyard.features.table import TableFeatures
from tests.serving.artifacts import draw_image

KINDS = {"age": "number", "city": "category", "member": "flag", "since": "date", "note": "text"}


def make_columns(rows: int = 300) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {
        "age": np.array([None if row % 30 == 0 else str(18 + row % 60) for row in range(rows)], dtype=object),
        "city": np.array(random.choice(["Wien", "Berlin", "Paris"], rows, p=[0.6, 0.3, 0.1]), dtype=object),
        "member": np.array(["yes" if row % 4 else "no" for row in range(rows)], dtype=object),
        "since": np.array([f"2020-{1 + row % 12:02}-15" for row in range(rows)], dtype=object),
        "note": np.array(["likes tea " * (1 + row % 3) for row in range(rows)], dtype=object),
    }


def make_reference() -> tuple[TableFeatures, Reference]:
    columns = make_columns()
    features = TableFeatures.fit(columns, KINDS)
    outputs = (
        fit_labels(["no"] * 70 + ["yes"] * 30, name=LABEL, role="prediction", column="bought"),
        fit_numbers(np.linspace(0.5, 1, 100), name=SCORE, role="prediction", measure="score", column="bought"),
    )
    return features, Reference(columns=(*fit_inputs(features, columns), *outputs), part="test")


def test_every_row_of_training_is_counted_once_in_every_column() -> None:
    _features, reference = make_reference()
    assert {column.column: column.rows for column in reference.columns if column.role == "input"} == dict.fromkeys(
        KINDS, 300
    )
    age = reference.column("input:age")
    assert age is not None
    assert age.counts[0] == age.counts[-2] == 0, "nothing of training is outside its own range"
    assert age.counts[-1] == 10, "the missing are counted apart"
    assert max(age.counts) < 2 * 300 / 10
    city = reference.column("input:city")
    assert city is not None
    assert dict(zip(city.values, city.counts, strict=False))["Wien"] > 100


def test_a_reference_reads_back_from_json() -> None:
    _features, reference = make_reference()
    assert Reference.from_json(json.loads(json.dumps(reference.to_json()))) == reference


def test_rows_fall_into_the_bins_of_training() -> None:
    features, reference = make_reference()
    binner = Binner(features, reference)
    binner.count_rows(
        [
            {"age": 41, "city": "Wien", "member": True, "since": "2020-03-15", "note": "likes tea"},
            {"age": 1000, "city": "Atlantis", "member": False, "since": "1999-01-01", "note": None},
            {"age": None, "city": None},
        ]
    )
    counted = binner.take()
    assert {sum(counts) for counts in counted.values()} == {3}
    assert counted["input:age"][-2:] == (1, 1), "one above all, one missing"
    assert counted["input:city"][-3:] == (0, 1, 1), "one never seen, one missing"
    assert counted["input:since"][0] == 1
    assert binner.take() == {}, "what was taken is not counted again"


def test_predictions_are_counted_by_label_and_by_how_sure_they_are() -> None:
    features, reference = make_reference()
    binner = Binner(features, reference)
    binner.count_predictions([{"label": "yes", "score": 0.99}, {"label": "maybe", "score": 0.2}])
    counted = binner.take()
    assert counted[LABEL] == (0, 1, 1, 0, 0)
    assert counted[SCORE] == (0, 1, *[0] * 8, 1, 0, 0, 0)


def test_few_different_numbers_have_a_bin_each() -> None:
    column = fit_numbers(np.array([0.0, 1, 1, 5]), name="n", role="input", measure="value", column="n")
    assert column.counts == (0, 1, 2, 1, 0, 0)
    assert count_numbers(np.array([3.0, 5.0, 9.0]), np.array(column.edges)).tolist() == [0, 0, 0, 2, 1, 0]


def test_a_column_without_a_value_has_a_bin_all_the_same() -> None:
    column = fit_numbers(np.array([math.nan]), name="n", role="input", measure="value", column="n")
    assert column.counts == (0, 1)


def test_pictures_are_counted_by_brightness_and_contrast() -> None:
    features = ImageFeatures(height=4, width=4, channels=3)
    pixels = np.stack([np.full((4, 4, 3), grey, dtype=np.uint8) for grey in range(40, 200)])
    reference = Reference(columns=tuple(fit_images(pixels, "image")), part="test")
    binner = Binner(features, reference)
    binner.count_rows([draw_image(120), draw_image(255)])
    counted = binner.take()
    assert counted["input:image:brightness"][-2] == 1, "brighter than any of training"
    assert sum(counted["input:image:contrast"]) == 2
