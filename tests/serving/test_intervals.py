"""Intervals around the values of a regressor, for callers who ask for them."""

import io
from typing import Any

import numpy as np
import orjson
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


# -- MLflow and SageMaker

INVOKE = "/endpoints/prices/invocations"
SPLIT = {"columns": ["age", "city"], "data": [[row["age"], row["city"]] for row in ROWS]}
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"


@pytest.mark.parametrize(
    "form",
    [
        {"dataframe_split": SPLIT},
        {"dataframe_records": ROWS},
        {"instances": ROWS},
        {"inputs": {"age": [30, 60], "city": ["Ulm", None]}},
        {"dataframe_records": ROWS * 60},
    ],
    ids=["split", "records", "instances", "inputs", "many"],
)
def test_invocations_give_intervals_by_params(shared: Shared, form: dict[str, Any]) -> None:
    plain = shared.post(INVOKE, json=form).json()["predictions"]
    predictions = shared.post(INVOKE, json={**form, "params": {"interval": 0.9, "other": 1}}).json()["predictions"]
    assert predictions == [
        {"value": one["value"], "low": pytest.approx(one["value"] - 8), "high": pytest.approx(one["value"] + 8)}
        for one in plain
    ]


def test_every_form_of_answer_has_room_for_them(shared: Shared) -> None:
    def invoke(accept: str) -> bytes:
        body = {"dataframe_records": ROWS, "params": {"interval": 0.8}}
        answer = shared.post(INVOKE, json=body, headers={"Accept": accept})
        assert answer.status_code == 200, answer.text
        return answer.content

    table = np.load(io.BytesIO(invoke("application/x-npy")))
    assert table.shape == (2, 3)
    assert (table[:, 2] - table[:, 1]).tolist() == pytest.approx([10, 10])
    lines = [orjson.loads(line) for line in invoke("application/jsonlines").splitlines()]
    assert [[one["value"], one["low"], one["high"]] for one in lines] == table.tolist()
    names, *cells = invoke("text/csv; header=present").decode().splitlines()
    assert names == "value,low,high"
    assert [[float(cell) for cell in line.split(",")] for line in cells] == table.tolist()
    assert invoke("text/csv").decode().splitlines() == cells


def test_bodies_without_params_ask_by_their_attributes(shared: Shared) -> None:
    def invoke(attributes: str) -> Any:
        headers = {"Content-Type": "text/csv; header=absent", ATTRIBUTES: attributes}
        return shared.post(INVOKE, data="30,Ulm\n60,\n", headers=headers)

    answer = invoke("trace=7;interval=0.9")
    assert answer.headers[ATTRIBUTES] == "trace=7;interval=0.9"
    for one in answer.json()["predictions"]:
        assert (one["low"], one["high"]) == pytest.approx((one["value"] - 8, one["value"] + 8))
    assert list(invoke("trace=7").json()["predictions"][0]) == ["value"]
    for attributes in ("interval=0.5", "interval=wide"):
        refused = invoke(attributes)
        assert refused.status_code == 400
        assert "one of 0.8, 0.9" in refused.json()["message"]


def test_invocations_refuse_intervals_that_there_are_not(shared: Shared) -> None:
    for name, level in (("prices", 0.5), ("people", 0.9)):
        body = {"dataframe_records": ROWS, "params": {"interval": level}}
        answer = shared.post(f"/endpoints/{name}/invocations", json=body)
        assert answer.status_code == 400
        assert "interval" in answer.json()["message"]
