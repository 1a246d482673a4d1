"""The background: like the rows of training, and none of them."""

import json

import numpy as np
import pytest

from modelyard.features.backgrounds import FEWEST_ROWS, MOST_ROWS, Background, count_rows, mix_background, places_of
from modelyard.features.base import Arrays
from modelyard.features.table import TableFeatures

KINDS = {"x": "number", "twice": "number", "town": "category", "street": "category", "since": "date"}


def fit(rows: int) -> tuple[TableFeatures, Arrays]:
    """A table in which `twice` is two times `x`, with gaps."""
    random = np.random.default_rng(0)
    x = random.normal(size=rows)
    columns = {
        "x": [None if index % 9 == 4 else f"{number:.6f}" for index, number in enumerate(x)],
        "twice": [f"{2 * number:.6f}" for number in x],
        "town": random.choice(["Ulm", "Bonn", "Kiel"], rows).tolist(),
        "street": [f"street {number}" for number in random.integers(0, 12, rows)],
        "since": [str(np.datetime64("2015-01-01") + int(day)) for day in random.integers(0, 3000, rows)],
    }
    arrays = {name: np.array(values, dtype=object) for name, values in columns.items()}
    features = TableFeatures.fit(arrays, KINDS)
    return features, features.transform_columns(arrays)


@pytest.fixture(scope="module")
def table() -> tuple[TableFeatures, Arrays, Background]:
    features, inputs = fit(1000)
    return features, inputs, mix_background(inputs, places_of(features), np.random.default_rng(1))


def test_no_row_of_training_is_in_it(table: tuple[TableFeatures, Arrays, Background]) -> None:
    _, inputs, background = table
    known = {tuple(row) for row in np.hstack([inputs["numbers"], inputs["codes"]]).tolist()}
    mixed = [tuple(row) for row in np.hstack([background.arrays["numbers"], background.arrays["codes"]]).tolist()]

    assert len(mixed) == background.rows == MOST_ROWS
    assert not known & set(mixed)


def test_the_numbers_of_a_column_stay_together(table: tuple[TableFeatures, Arrays, Background]) -> None:
    features, inputs, background = table
    for place in places_of(features).values():
        for name, indexes in place.items():
            known = {tuple(row) for row in inputs[name][:, indexes].tolist()}
            assert {tuple(row) for row in background.arrays[name][:, indexes].tolist()} <= known


def test_columns_are_spread_and_go_together_as_in_training(table: tuple[TableFeatures, Arrays, Background]) -> None:
    features, inputs, background = table
    places = places_of(features)
    x, twice = places["x"]["numbers"][0], places["twice"]["numbers"][0]
    mixed = background.arrays["numbers"]

    assert abs(mixed[:, twice].mean() - inputs["numbers"][:, twice].mean()) < 0.3
    assert 0.6 < mixed[:, twice].std() / inputs["numbers"][:, twice].std() < 1.5
    assert np.corrcoef(mixed[:, x], mixed[:, twice])[0, 1] > 0.6


def test_it_is_read_as_it_was_written(table: tuple[TableFeatures, Arrays, Background]) -> None:
    _, _, background = table
    read = Background.from_json(json.loads(json.dumps(background.to_json())))

    assert {name: array.dtype for name, array in read.arrays.items()} == {"numbers": np.float32, "codes": np.int32}
    for name, array in background.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)


def test_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form 99"):
        Background.from_json({"form": 99, "arrays": {}})


def test_the_wider_the_table_the_fewer_rows() -> None:
    assert [count_rows(columns) for columns in (1, 64, 128, 10_000)] == [MOST_ROWS, MOST_ROWS, 16, FEWEST_ROWS]


@pytest.mark.parametrize("rows", [2, 15, 45])
def test_a_small_table_has_one_too(rows: int) -> None:
    features, inputs = fit(rows)

    assert mix_background(inputs, places_of(features), np.random.default_rng(0)).rows == MOST_ROWS
