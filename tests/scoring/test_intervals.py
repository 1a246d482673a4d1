"""A file of rows is answered with intervals around the values, where they were asked for."""

from typing import Any

import pytest

from modelyard.contracts.batch import ResultFormat
from tests.scoring.conftest import Answered, DeskFor
from tests.serving.artifacts import write_regressor

FILE = b"id,age,city\n1,30,Ulm\n2,old,Ulm\n3,60,\n"
ADDED = ["predicted_value", "predicted_low", "predicted_high", "prediction_error"]
HALF = 8.0
"""What the regressor's intervals at 0.9 reach to either side."""


def read(answered: Answered, wanted: ResultFormat) -> list[dict[str, Any]]:
    if wanted == "csv":
        return answered.cells()
    return answered.objects() if wanted == "jsonl" else answered.rows()


@pytest.mark.parametrize("wanted", ["csv", "jsonl", "parquet"])
def test_two_columns_more_hold_the_ends(desk_for: DeskFor, wanted: ResultFormat) -> None:
    answered = desk_for(write_regressor).answer(FILE, wanted, interval=0.9)
    assert list(answered.survey.added) == ADDED
    first, faulty, last = read(answered, wanted)
    for row in (first, last):
        value = float(row["predicted_value"])
        assert float(row["predicted_low"]) == pytest.approx(value - HALF)
        assert float(row["predicted_high"]) == pytest.approx(value + HALF)
    assert [faulty[name] in (None, "") for name in ADDED] == [True, True, True, False]
    assert answered.tally.values["count"] == 2


def test_who_does_not_ask_gets_values_alone(desk_for: DeskFor) -> None:
    answered = desk_for(write_regressor).answer(FILE)
    assert list(answered.survey.added) == ["predicted_value", "prediction_error"]


def test_a_column_of_the_file_keeps_its_name(desk_for: DeskFor) -> None:
    answered = desk_for(write_regressor).answer(b"age,city,predicted_low\n30,Ulm,mine\n", interval=0.8)
    assert answered.survey.added[1] == "predicted_low_2"
    assert answered.cells()[0]["predicted_low"] == "mine"
