"""A forecaster answers in every protocol: by the name of a series, by a moment, and from newer values."""

import csv
import io
import json
from typing import Any

import pytest

from tests.serving.conftest import Shared

ULM = {"shop": "Ulm"}
PARTS = ["values", "timestamps", "quantiles"]
MONTHS = ["2021-01", "2021-02", "2021-03"]
LEVELS = [f"0.{tenth}" for tenth in range(1, 10)]


def forecast(shared: Shared, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    answer = shared.predict(*rows, name="shops")
    assert answer.status_code == 200, answer.text
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def test_the_name_of_a_series_is_answered_with_what_comes_after_its_end(shared: Shared) -> None:
    [found] = forecast(shared, ULM)
    assert list(found) == PARTS
    assert found["timestamps"] == MONTHS
    assert found["values"] == pytest.approx([100.0, 110.0, 120.0])
    assert list(found["quantiles"]) == LEVELS
    assert found["quantiles"]["0.9"] == pytest.approx([140.0, 150.0, 160.0])


def test_rows_of_a_file_are_answered_with_their_moment(shared: Shared) -> None:
    found = forecast(shared, *({"shop": "Ulm", "month": month} for month in MONTHS), {"shop": "Bonn", "horizon": 2})
    assert [one["timestamps"] for one in found] == [[MONTHS[0]], [MONTHS[1]], [MONTHS[2]], MONTHS[:2]]
    assert found[2]["values"] == pytest.approx([120.0])


def test_newer_values_move_the_forecast(shared: Shared) -> None:
    newer = [{"month": "2021-01", "sales": 105}, {"month": "2021-02", "sales": 108}]
    [found] = forecast(shared, {**ULM, "history": newer})
    assert found["timestamps"] == ["2021-03", "2021-04", "2021-05"]
    assert found["values"] == pytest.approx([120.0, 130.0, 140.0])
    [new] = forecast(shared, {"shop": "Hof", "history": [7.0] * 14, "start": "2022-01"})
    assert (new["timestamps"][0], new["values"]) == ("2023-03", pytest.approx([7.0] * 3))


def test_columns_come_back_as_columns(shared: Shared) -> None:
    body = {"inputs": {"shop": ["Ulm", "Bonn"], "month": MONTHS[:2]}}
    outputs = shared.post("/v1/models/shops:predict", json=body).json()["outputs"]
    assert list(outputs) == PARTS
    assert outputs["timestamps"] == [[MONTHS[0]], [MONTHS[1]]]


def test_a_table_of_mlflow_is_answered(shared: Shared) -> None:
    body = {"dataframe_split": {"columns": ["shop", "month"], "data": [["Ulm", MONTHS[0]], ["Bonn", MONTHS[0]]]}}
    answer = shared.post("/endpoints/shops/invocations", json=body)
    assert [one["timestamps"] for one in answer.json()["predictions"]] == [[MONTHS[0]]] * 2


def test_csv_is_answered_with_a_line_a_row(shared: Shared) -> None:
    answer = shared.post(
        "/endpoints/shops/invocations",
        data="shop,month\nUlm,2021-01\nUlm,\n",
        headers={"Content-Type": "text/csv", "Accept": "text/csv; header=present"},
    )
    names, one, whole = csv.reader(io.StringIO(answer.text))
    assert names == ["values", "timestamps", *(f"quantile {level}" for level in LEVELS)]
    assert (float(one[0]), one[1]) == (pytest.approx(100.0), MONTHS[0])
    assert json.loads(whole[1]) == MONTHS


def test_tensors_come_back_as_described(shared: Shared) -> None:
    described = shared.get("/v2/models/shops").json()
    assert {item["name"]: item["shape"] for item in described["outputs"]} == {
        "values": [-1, -1],
        "timestamps": [-1, -1],
        "quantiles": [-1, -1, 9],
    }
    tensors = [
        {"name": "shop", "shape": [2], "datatype": "BYTES", "data": ["Ulm", "Ulm"]},
        {"name": "horizon", "shape": [2], "datatype": "INT64", "data": [2, 1]},
    ]
    answer = shared.post("/v2/models/shops/infer", json={"inputs": tensors})
    outputs = {item["name"]: item for item in answer.json()["outputs"]}
    assert [outputs[name]["shape"] for name in PARTS] == [[2, 2], [2, 2], [2, 2, 9]]
    assert outputs["timestamps"]["data"] == [MONTHS[0], MONTHS[1], MONTHS[0], ""]
    assert outputs["values"]["data"] == [pytest.approx(100.0), pytest.approx(110.0), pytest.approx(100.0), None]


def test_its_descriptions_name_the_parts(shared: Shared) -> None:
    metadata = shared.get("/v1/models/shops/metadata").json()
    assert set(metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["outputs"]) == set(PARTS)
    document = shared.get("/v1/models/shops/openapi.json").json()
    assert document["components"]["schemas"]["Prediction"]["required"] == PARTS
    assert not any(path.endswith((":classify", ":regress")) for path in document["paths"])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"shop": "Atlantis"}, "no series with shop = 'Atlantis'"),
        ({**ULM, "month": "2031-01"}, "forecasts reach from 2021-01 to 2021-03"),
        ({**ULM, "horizon": 4}, "from 1 to 3"),
        ({**ULM, "history": [1, "many"]}, "must be a number"),
        ({**ULM, "colour": "red"}, "no input of this model"),
    ],
)
def test_what_cannot_be_forecast_is_refused_with_its_column(shared: Shared, row: dict[str, Any], words: str) -> None:
    answer = shared.predict(ULM, row, name="shops")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("instances[1]")
    assert words in answer.json()["error"]


def test_it_does_not_regress(shared: Shared) -> None:
    answer = shared.post("/v1/models/shops:regress", json={"examples": [ULM]})
    assert answer.status_code == 400
    assert ":predict" in answer.json()["error"]
