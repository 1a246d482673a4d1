"""The same predictions over the Open Inference Protocol and over MLflow's and SageMaker's invocations."""

import base64
from typing import Any

import pytest

from tests.serving import artifacts
from tests.serving.conftest import Shared

AGE = {"name": "age", "shape": [2], "datatype": "FP64", "data": [41, None]}
CITY = {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": [["Wien"], ["Berlin"]]}
ROWS = [{"age": 41, "city": "Wien"}, {"age": None, "city": "Berlin"}]


def infer(shared: Shared, body: Any, path: str = "people") -> Any:
    return shared.post(f"/v2/models/{path}/infer", json=body)


def test_infer_gives_tensors(shared: Shared) -> None:
    wanted = shared.predict(*ROWS).json()["predictions"]
    answer = infer(shared, {"id": "r-1", "inputs": [AGE, CITY]}).json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("people", "1", "r-1")
    label, score, probabilities = answer["outputs"]
    assert label == {"name": "label", "datatype": "BYTES", "shape": [2], "data": [row["label"] for row in wanted]}
    assert score["data"] == [row["score"] for row in wanted]
    assert probabilities["shape"] == [2, 2]
    assert probabilities["data"] == [value for row in wanted for value in row["probabilities"].values()]


def test_infer_gives_the_outputs_that_are_asked_for(shared: Shared) -> None:
    body = {"inputs": [AGE, CITY], "outputs": [{"name": "score"}]}
    answer = infer(shared, body, "people/versions/1").json()
    assert [output["name"] for output in answer["outputs"]] == ["score"]


def test_infer_takes_images_as_base64(shared: Shared) -> None:
    data = [base64.b64encode(artifacts.draw_image(grey)).decode() for grey in (10, 240)]
    tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": data}
    assert infer(shared, {"inputs": [tensor]}, "pictures").json()["outputs"][0]["data"] == ["dark", "light"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "at least one tensor"),
        ([1], "inputs[0]"),
        ([{**AGE, "datatype": "FP16"}, CITY], "datatype"),
        ([{**AGE, "shape": [3]}, CITY], "3 values"),
        ([{**AGE, "shape": [2, 2]}, CITY], "shape"),
        ([{**AGE, "shape": "2"}, CITY], "shape"),
        ([{**AGE, "data": [[1], [[2]]]}, CITY], "nested"),
        ([AGE, AGE], "same name"),
        ([{**AGE, "name": "size"}, CITY], "'size' is no input"),
        ([{**AGE, "data": [1, "old"]}, CITY], "row 1"),
        ([{**AGE, "shape": [1], "data": [1]}, CITY], "equal length"),
    ],
)
def test_infer_refuses_what_does_not_fit(shared: Shared, inputs: list[Any], words: str) -> None:
    answer = infer(shared, {"inputs": inputs})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_infer_knows_its_outputs(shared: Shared) -> None:
    answer = infer(shared, {"inputs": [AGE, CITY], "outputs": [{"name": "mood"}]})
    assert answer.status_code == 400
    assert "label, score, probabilities" in answer.json()["error"]


def test_health_and_metadata_of_the_protocol(shared: Shared) -> None:
    assert shared.predictor.get("/v2/health/live", None).json() == {"live": True}
    assert shared.predictor.get("/v2/health/ready", None).json() == {"ready": True}
    assert shared.predictor.get("/v2", None).json()["name"] == "modelyard"
    assert shared.get("/v2/models/people/ready").json() == {"name": "people", "ready": True}
    assert shared.get("/v2/models").json() == {"models": ["people", "pictures", "prices"]}
    metadata = shared.get("/v2/models/people/versions/1").json()
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"][0] == {"name": "age", "datatype": "FP64", "shape": [-1]}
    assert metadata["outputs"][2] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
    assert shared.get("/v2/models/people/versions/7").status_code == 404
    assert shared.get("/v2/nothing").status_code == 404
    assert shared.get("/v2/models/people/infer").status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["age", "city"], "data": [[41, "Wien"], [None, "Berlin"]]}},
        {"dataframe_records": ROWS},
        {"instances": ROWS, "params": {"a": 1}},
        {"inputs": {"age": [41, None], "city": ["Wien", "Berlin"]}},
    ],
)
def test_invocations_take_four_forms_of_json(shared: Shared, body: Any) -> None:
    answer = shared.post("/endpoints/people/invocations", json=body)
    assert answer.json() == shared.predict(*ROWS).json()


def test_invocations_take_csv(shared: Shared) -> None:
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    answer = shared.post("/endpoints/people/invocations", data=b"age,city\r\n41,Wien\r\n,Berlin\r\n", headers=headers)
    assert answer.json() == shared.predict(*ROWS).json()


@pytest.mark.parametrize(
    ("content_type", "content", "status"),
    [
        ("application/json", b"[1]", 400),
        ("application/json", b'{"instances": [1], "inputs": [1]}', 400),
        ("application/json", b'{"instances": [1], "params": 3}', 400),
        ("application/json", b'{"dataframe_split": {"columns": ["age"]}}', 400),
        ("application/json", b'{"dataframe_split": {"columns": ["age", "city"], "data": [[1]]}}', 400),
        ("application/json; charset=latin-1", b"{}", 415),
        ("application/json; format=pandas-split", b"{}", 415),
        ("application/x-npy", b"abc", 415),
        ("text/csv", b"age,city\r\n", 400),
        ("text/csv", b"age,age\r\n1,2\r\n", 400),
        ("text/csv", b"\xff\xfe", 400),
        ("text/csv", b"age,city\r\nold,Wien\r\n", 400),
    ],
)
def test_invocations_refuse_what_does_not_fit(shared: Shared, content_type: str, content: bytes, status: int) -> None:
    headers = {"Content-Type": content_type}
    answer = shared.post("/endpoints/people/invocations", data=content, headers=headers)
    assert answer.status_code == status
    assert answer.json().keys() == {"error_code", "message"}


def test_ping_and_version_need_no_key(shared: Shared) -> None:
    assert shared.predictor.get("/ping", None).content == b"\n"
    assert shared.predictor.get("/version", None).status_code == 200
    assert shared.post("/endpoints/people/invocations", key=None, json={"instances": ROWS}).status_code == 401


def test_a_compressed_body_is_refused_with_words(shared: Shared) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = shared.post("/v1/models/people:predict", data=b"\x1f\x8b", headers=headers)
    assert answer.status_code == 415
    assert "compressed" in answer.json()["error"]
