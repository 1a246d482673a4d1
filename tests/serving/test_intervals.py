"""Intervals around the values of a regressor, for callers who ask for them."""

from typing import Any

import pytest

from tests.serving.conftest import Shared

ROWS = [{"age": 30, "city": "Ulm"}, {"age": 60, "city": None}]
TENSORS = [
    {"name": "age", "shape": [2], "datatype": "FP64", "data": [30, 60]},
    {"name": "city", "shape": [2], "datatype": "BYTES", "data": ["Ulm", ""]},
]


def ask(shared: Shared, level: Any, name: str = "prices") -> Any:
    return shared.post(f"/v1/models/{name}:predict", json={"instances": ROWS, "parameters": {"interval": level}})


def test_a_value_comes_with_its_interval_where_it_is_asked_for(shared: Shared) -> None:
    plain = shared.predict(*ROWS, name="prices").json()["predictions"]
    assert [list(one) for one in plain] == [["value"], ["value"]]
    for level, half in ((0.8, 5.0), (0.9, 8.0)):
        predictions = ask(shared, level).json()["predictions"]
        assert [one["value"] for one in predictions] == [one["value"] for one in plain]
        assert [one["low"] for one in predictions] == pytest.approx([one["value"] - half for one in plain])
        assert [one["high"] for one in predictions] == pytest.approx([one["value"] + half for one in plain])


def test_columns_come_back_with_the_ends_as_columns(shared: Shared) -> None:
    inputs = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    body = {"inputs": inputs, "parameters": {"interval": 0.9}}
    outputs = shared.post("/v1/models/prices:predict", json=body).json()["outputs"]
    assert list(outputs) == ["value", "low", "high"]
    assert [len(column) for column in outputs.values()] == [2, 2, 2]


def test_the_open_inference_protocol_adds_tensors(shared: Shared) -> None:
    answer = shared.post("/v2/models/prices/infer", json={"inputs": TENSORS, "parameters": {"interval": 0.9}})
    outputs = {item["name"]: item for item in answer.json()["outputs"]}
    assert list(outputs) == ["value", "low", "high"]
    assert (outputs["low"]["datatype"], outputs["low"]["shape"]) == ("FP64", [2])
    assert outputs["high"]["data"] == pytest.approx([value + 8.0 for value in outputs["value"]["data"]])


def test_a_large_body_is_read_with_the_careful_reader(shared: Shared) -> None:
    body = {"instances": ROWS * 60, "parameters": {"interval": 0.9}}
    predictions = shared.post("/v1/models/prices:predict", json=body).json()["predictions"]
    assert len(predictions) == 120
    assert all(one["low"] < one["value"] < one["high"] for one in predictions)


@pytest.mark.parametrize(
    ("level", "words"),
    [(0.5, "one of 0.8, 0.9"), (True, "one of"), ("0.9", "one of"), ([0.9], "one of")],
)
def test_a_level_that_is_not_offered_is_refused(shared: Shared, level: Any, words: str) -> None:
    answer = ask(shared, level)
    assert answer.status_code == 400
    assert words in answer.text


def test_a_classifier_has_no_intervals(shared: Shared) -> None:
    answer = shared.post(
        "/v1/models/people:predict", json={"instances": [{"age": 30, "city": "Ulm"}], "parameters": {"interval": 0.9}}
    )
    assert answer.status_code == 400
    assert "no intervals" in answer.json()["error"]


def test_parameters_of_other_servers_are_passed_over(shared: Shared) -> None:
    body = {"instances": ROWS, "parameters": {"confidence_threshold": 0.5}}
    plain = shared.predict(*ROWS, name="prices").json()
    assert shared.post("/v1/models/prices:predict", json=body).json() == plain


@pytest.mark.parametrize("parameters", [[], 3, "0.9"])
def test_parameters_that_are_no_object_are_refused(shared: Shared, parameters: Any) -> None:
    answer = shared.post("/v1/models/prices:predict", json={"instances": ROWS, "parameters": parameters})
    assert answer.status_code == 400
    assert '"parameters"' in answer.json()["error"]
