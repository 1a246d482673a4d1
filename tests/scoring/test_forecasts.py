"""A file of moments is answered with a forecast for each."""

import pytest

from tests.scoring.conftest import DeskFor
from tests.serving.artifacts import write_forecaster
from workers.ingesting.findings import Rejected


def test_each_row_gets_the_value_of_its_moment_and_its_quantiles(desk_for: DeskFor) -> None:
    answered = desk_for(write_forecaster).answer(b"month,shop,sales\n2021-01,Ulm,99\n2021-03,Ulm,\n")
    first, last = answered.cells()
    assert (float(first["predicted_value"]), float(last["predicted_value"])) == (pytest.approx(100), pytest.approx(120))
    assert float(first["predicted_quantile_0.9"]) == pytest.approx(140)
    assert answered.tally.values["count"] == 2


def test_a_row_that_cannot_be_forecast_says_why(desk_for: DeskFor) -> None:
    content = b"month,shop\n2021-01,Ulm\n,Ulm\n2031-01,Ulm\n2021-01,Atlantis\n"
    cells = desk_for(write_forecaster).answer(content).cells()
    reasons = [row["prediction_error"] for row in cells]
    assert reasons[0] == ""
    assert "column 'month' is empty" in reasons[1]
    assert "forecasts reach" in reasons[2]
    assert "no series" in reasons[3]


def test_parquet_holds_numbers(desk_for: DeskFor) -> None:
    rows = desk_for(write_forecaster).answer(b"month,shop\n2021-02,Ulm\n", "parquet").rows()
    assert rows[0]["predicted_value"] == pytest.approx(110)


def test_a_file_without_moments_is_refused(desk_for: DeskFor) -> None:
    with pytest.raises(Rejected, match="month"):
        desk_for(write_forecaster).answer(b"shop,colour\nUlm,red\n")
