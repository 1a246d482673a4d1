"""Tables are read column by column and prepared some rows at a time, with the same result."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.features.columns import NumberColumn
from modelyard.features.values import BadValue, parse_number
from tests.training.tables import KINDS, make_columns, make_plan, write_table
from workers.training.parsing import read_column
from workers.training.preparing_tables import TableRows, prepare_table
from workers.training.splitting import find_groups
from workers.training.stored_columns import StoredColumns

ODD_NUMBERS = [
    "1",
    "-1.5",
    "1e5",
    "+3",
    " 4",
    "1_000",
    ".5",
    "5.",
    "007",
    "1e400",
    "inf",
    "nan",
    "-0",
    "1,5",
    "",
    "n/a",
]


def test_in_parts_and_at_once_the_arrays_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(write_table(tmp_path, make_columns()))
    whole = prepare_table(plan, "classification")
    monkeypatch.setattr("workers.training.preparing_tables.ROWS_AT_ONCE", 7)
    parts = prepare_table(plan, "classification")
    assert parts.inputs.keys() == whole.inputs.keys()
    for name, array in whole.inputs.items():
        np.testing.assert_array_equal(parts.inputs[name], array)
    assert parts.signature == whole.signature


def test_features_are_fitted_to_some_rows_and_all_rows_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.training.preparing_tables.MOST_FITTED", 30)
    material = prepare_table(make_plan(write_table(tmp_path, make_columns())), "classification")
    assert len(material.targets) == 120
    assert {report.column for report in material.columns} == set(KINDS)
    assert all(np.isfinite(array).all() for array in material.inputs.values())


def test_columns_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    write_table(tmp_path, {"a": ["1", None, "3"], "b": ["x", "y", "z"]})
    columns = StoredColumns(tmp_path / "table.parquet", ["a", "b"])
    assert list(columns) == ["a", "b"]
    kept = columns.where(np.array([False, True, True])).where(np.array([True, False]))
    assert [kept[name].tolist() for name in kept] == [[None], ["y"]]
    with pytest.raises(KeyError):
        columns["c"]


@pytest.mark.parametrize("text", [*ODD_NUMBERS, None])
def test_numbers_are_read_as_one_by_one(text: str | None) -> None:
    try:
        wanted = parse_number(text)
    except BadValue:
        wanted = np.nan
    texts = np.array([text, "2.5"], dtype=object)
    np.testing.assert_array_equal(read_column(NumberColumn("x"), texts), [wanted, 2.5])


def test_raw_rows_are_what_a_caller_would_send() -> None:
    columns: dict[str, Any] = {
        "number": np.array([1.5, np.nan]),
        "town": np.array(["Ulm", None], dtype=object),
    }
    rows = TableRows(columns)
    assert rows.raw(0) == {"number": 1.5, "town": "Ulm"}
    assert rows.raw(1) == {"number": None, "town": None}


def test_equal_rows_share_a_number_in_the_order_in_which_they_come() -> None:
    columns = [["b", None, "b", "a", None], ["1", "1", "1", "1", "1"], ["x", "y", "x", "x", "y"]]
    groups = find_groups(np.array(column, dtype=object) for column in columns)
    assert groups.tolist() == [0, 1, 0, 2, 1]
    assert find_groups([]).tolist() == []
    random = np.random.default_rng(0)
    many = [np.array([f"{value}" for value in random.integers(0, 9, 5000)], dtype=object) for _ in range(4)]
    numbers = find_groups(many)
    assert len(set(zip(*many, strict=True))) == numbers.max() + 1
