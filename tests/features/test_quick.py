"""The short ways of a table's features: whatever way rows come, they give the same numbers to the last bit."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.features import RowProblem
from modelyard.features.base import Arrays
from modelyard.features.numbers import NumberTable
from modelyard.features.quick import MOST_NUMBERS
from modelyard.features.table import TableFeatures

STREETS = [f"street {index}" for index in range(30)]
COLUMNS = {
    "age": ["31", None, "45", "28", "60", "33"] * 20,
    "height": ["1.5", "1.75", "2.25", "1.5", "1.0", "1.25"] * 20,
    "huge": ["1e300", "-1e300", "5e299", "0", "1", "2"] * 20,
    "town": ["Ulm", "Bonn", "Ulm", "Bonn", "Ulm", "Kiel"] * 20,
    "sex": ["f", "m", "m", "f", "f", "m"] * 20,
    "member": ["yes", "no", "yes", "yes", "no", None] * 20,
    "street": STREETS * 4,
}
KINDS = dict.fromkeys(COLUMNS, "category") | dict.fromkeys(("age", "height", "huge"), "number") | {"member": "flag"}
FEATURES = TableFeatures.fit({name: np.array(values, dtype=object) for name, values in COLUMNS.items()}, KINDS)
NUMBERS = TableFeatures.fit(
    {name: np.array(COLUMNS[name], dtype=object) for name in ("age", "height", "huge")},
    dict.fromkeys(("age", "height", "huge"), "number"),
)

numbers = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.none(), st.booleans(), st.just("12.5"))
rows = st.fixed_dictionaries(
    {
        "age": numbers,
        "height": numbers,
        "huge": numbers,
        "town": st.sampled_from(["Ulm", "Bonn", "Kiel", "Atlantis", None, ""]),
        "sex": st.sampled_from(["f", "m", None, "x", 1]),
        "member": st.sampled_from(["yes", False, 1, None, "no", float("nan")]),
        "street": st.sampled_from([*STREETS, None, "elsewhere"]),
    }
)


def assert_same(one: Arrays, other: Arrays) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        np.testing.assert_array_equal(array, other[name])


def in_columns(chosen: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in chosen] for name in COLUMNS}


@given(st.lists(rows, min_size=1, max_size=3))
def test_few_rows_give_what_columns_give(chosen: list[dict[str, Any]]) -> None:
    assert len(chosen) * FEATURES.number_count <= MOST_NUMBERS
    assert_same(FEATURES.transform(chosen), FEATURES.transform_columns(in_columns(chosen)))


@given(st.lists(rows, min_size=1, max_size=3))
def test_many_rows_give_what_few_give(chosen: list[dict[str, Any]]) -> None:
    many = FEATURES.transform(chosen * MOST_NUMBERS)
    assert_same({name: array[: len(chosen)] for name, array in many.items()}, FEATURES.transform(chosen))


@given(st.lists(st.lists(st.floats(allow_infinity=False), min_size=3, max_size=3), min_size=1, max_size=40))
def test_a_matrix_gives_what_rows_give(lines: list[list[float]]) -> None:
    table = NumberTable(NUMBERS.names, np.array(lines))
    named = [dict(zip(NUMBERS.names, line, strict=True)) for line in lines]
    assert_same(NUMBERS.transform_columns(table), NUMBERS.transform(named))
    assert_same(NUMBERS.transform_columns(dict(table)), NUMBERS.transform(named))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8])
def test_columns_may_be_arrays_of_any_kind_of_number(dtype: type[np.generic]) -> None:
    columns = {
        **{name: np.array(values[:3], dtype=object) for name, values in COLUMNS.items()},
        "age": np.array([1, 2, 3], dtype),
    }
    plain = {**{name: values[:3] for name, values in COLUMNS.items()}, "age": [1, 2, 3]}
    assert_same(FEATURES.transform_columns(columns), FEATURES.transform_columns(plain))


def test_texts_may_be_bytes_and_categories_may_be_numbers() -> None:
    levels = np.array(["0.1", "0.2", "7"] * 20, dtype=object)
    features = TableFeatures.fit({"level": levels}, {"level": "category"})
    wanted = features.transform_columns({"level": ["0.1", "0.2", "7"]})
    for values in (
        np.array([b"0.1", b"0.2", b"7"], dtype=object),
        np.array([0.1, 0.2, 7], dtype=np.float32),
        np.array([0.1, 0.2, 7]),
    ):
        assert_same(features.transform_columns({"level": values}), wanted)


def test_bytes_that_are_no_text_are_refused() -> None:
    columns = {name: np.array(values[:3], dtype=object) for name, values in COLUMNS.items()}
    columns["town"] = np.array([b"Ulm", b"\xff", b"Kiel"], dtype=object)
    with pytest.raises(RowProblem, match="'town' must be a text in UTF-8") as caught:
        FEATURES.transform_columns(columns)
    assert (caught.value.row, caught.value.column) == (1, "town")


def test_an_infinite_number_in_an_array_is_refused_and_nan_is_missing() -> None:
    columns = {name: np.array(values[:2], dtype=object) for name, values in COLUMNS.items()}
    columns["age"] = np.array([1.0, math.inf])
    with pytest.raises(RowProblem, match="'age' must be a finite number") as caught:
        FEATURES.transform_columns(columns)
    assert caught.value.row == 1
    columns["age"] = np.array([1.0, math.nan])
    missing = {**{name: values[:2] for name, values in COLUMNS.items()}, "age": [1.0, None]}
    assert_same(FEATURES.transform_columns(columns), FEATURES.transform_columns(missing))


def test_a_bad_value_is_named_whichever_way_is_taken() -> None:
    row = {name: values[0] for name, values in COLUMNS.items()}
    for count in (1, 100):
        with pytest.raises(RowProblem, match="'height' must be a number, got 'tall'") as caught:
            FEATURES.transform([*[row] * (count - 1), {**row, "height": "tall"}])
        assert (caught.value.row, caught.value.column) == (count - 1, "height")
        with pytest.raises(RowProblem, match="'height' is missing") as caught:
            FEATURES.transform([*[row] * (count - 1), {name: row[name] for name in row if name != "height"}])
        assert caught.value.row == count - 1
