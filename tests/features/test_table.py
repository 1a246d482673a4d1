"""Rows of a table to arrays."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.features import RowProblem, load_features
from modelyard.features.columns import calendar
from modelyard.features.table import TableFeatures

KINDS = {"age": "number", "town": "category", "member": "flag", "since": "date", "note": "text", "id": "identifier"}
COLUMNS = {
    "age": ["31", "?", "45", "28", "60", "33"],
    "town": ["Ulm", "Bonn", "Ulm", "Bonn", "Ulm", "Kiel"],
    "member": ["yes", "no", "yes", "yes", "no", "no"],
    "since": ["2020-01-31", "2021-05-01", "2019-07-12", "2020-02-29", "2022-12-31", "2018-03-03"],
    "note": ["likes tea", "likes coffee", "likes tea, and milk", "milk", "likes water", "nothing"],
    "id": ["1", "2", "3", "4", "5", "6"],
}
ROW = {"age": 31, "town": "Ulm", "member": "yes", "since": "2020-01-31", "note": "likes tea"}


@pytest.fixture
def features() -> TableFeatures:
    return TableFeatures.fit({name: np.array(values, dtype=object) for name, values in COLUMNS.items()}, KINDS)


def test_it_works(features: TableFeatures) -> None:
    arrays = features.transform([ROW, ROW])
    assert arrays["numbers"].shape == (2, features.number_count)
    assert arrays["numbers"].dtype == np.float32
    assert np.isfinite(arrays["numbers"]).all()
    assert set(features.names) == {"age", "town", "member", "since", "note"}


def test_features_survive_json(features: TableFeatures) -> None:
    loaded = load_features(json.loads(json.dumps(features.to_json())))
    np.testing.assert_array_equal(loaded.transform([ROW])["numbers"], features.transform([ROW])["numbers"])


def test_rows_and_columns_give_the_same(features: TableFeatures) -> None:
    rows = [{name: values[index] for name, values in COLUMNS.items()} for index in range(6)]
    by_rows = features.transform(rows)["numbers"]
    by_columns = features.transform_columns(COLUMNS)["numbers"]
    np.testing.assert_array_equal(by_rows, by_columns)


def test_unseen_missing_and_extra_values_are_answered(features: TableFeatures) -> None:
    unseen = {**ROW, "town": "Atlantis", "age": None, "note": None, "since": "2023-02-30", "more": [1]}
    assert np.isfinite(features.transform([unseen])["numbers"]).all()


def test_the_first_bad_row_is_named_with_its_column(features: TableFeatures) -> None:
    with pytest.raises(RowProblem, match="column 'age' must be a number, got 'old'") as caught:
        features.transform([ROW, {**ROW, "age": "old"}, {**ROW, "town": []}])
    assert (caught.value.row, caught.value.column) == (1, "age")


def test_a_row_that_lacks_a_column_is_refused_unless_training_had_gaps_there(features: TableFeatures) -> None:
    without_age = {name: value for name, value in ROW.items() if name != "age"}
    features.transform([without_age])
    without_town = {name: value for name, value in ROW.items() if name != "town"}
    with pytest.raises(RowProblem, match="column 'town' is missing") as caught:
        features.transform([ROW, without_town])
    assert (caught.value.row, caught.value.column) == (1, "town")


@pytest.mark.parametrize("row", [3, "text", [1, 2], None])
def test_what_is_no_row_is_refused(features: TableFeatures, row: object) -> None:
    with pytest.raises(RowProblem, match="a row must be an object") as caught:
        features.transform([ROW, row])
    assert caught.value.row == 1


def test_values_from_tiny_to_huge_stay_small() -> None:
    numbers = np.array([f"1e{power}" for power in range(-30, 31)] * 2, dtype=object)
    features = TableFeatures.fit({"x": numbers}, {"x": "number"})
    answer = features.transform([{"x": 1e300}, {"x": -1e300}, {"x": 1e-300}])["numbers"]
    assert np.abs(answer).max() <= 3.0


def test_a_column_of_unique_words_is_left_out_with_the_reason() -> None:
    tokens = np.array([f"t{index:05d}" for index in range(2000)], dtype=object)
    features = TableFeatures.fit({"token": tokens}, {"token": "category"})
    assert features.columns == ()
    assert features.reports[0].use == "left out: every value occurs once only"


def test_many_levels_become_codes_rather_than_columns() -> None:
    levels = np.array([f"level {index % 5000}" for index in range(20_000)], dtype=object)
    features = TableFeatures.fit({"level": levels}, {"level": "category"})
    arrays = features.transform([{"level": "level 7"}, {"level": "never seen"}])
    assert set(arrays) == {"codes"}
    assert features.code_sizes == (1001,)
    assert arrays["codes"][1, 0] == 0


def test_columns_that_say_nothing_are_left_out() -> None:
    columns = {
        "same": np.array(["7"] * 5, dtype=object),
        "nothing": np.array([None] * 5, dtype=object),
        "words": np.array(["?"] * 5, dtype=object),
    }
    features = TableFeatures.fit(columns, {"same": "number", "nothing": "empty", "words": "number"})
    assert features.columns == ()
    assert all(report.use.startswith("left out") for report in features.reports)


def test_texts_without_spaces_are_split_into_characters() -> None:
    poems = np.array(["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡", "月光如霜", "明月如霜"], dtype=object)
    column = TableFeatures.fit({"poem": poems}, {"poem": "text"}).columns[0]
    assert "月" in column.to_json()["words"]


@given(st.datetimes())
@settings(max_examples=300, deadline=None)
def test_the_calendar_agrees_with_the_standard_library(moment: object) -> None:
    from datetime import datetime

    assert isinstance(moment, datetime)
    moment = moment.replace(microsecond=0)
    parts = calendar(np.array([(moment - datetime(1970, 1, 1)).total_seconds()]))
    found = tuple(int(parts[name][0]) for name in ("year", "month", "day", "weekday", "hour"))
    assert found == (moment.year, moment.month, moment.day, moment.weekday(), moment.hour)
