"""The Open Inference Protocol over HTTP: tensors in JSON, and what is told of the server and its models."""

import base64
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from modelyard import __version__
from tests.serving import artifacts
from tests.serving.open_inference import AGE, CITY, MEASURES, ROWS, Served, serve


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(redis_server, 4, tmp_path_factory.mktemp("tensors")) as served:
        yield served


def test_infer_gives_tensors(served: Served) -> None:
    wanted = served.expected(ROWS)
    answer = served.infer([AGE, CITY], id="r-1").json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("people", "1", "r-1")
    label, score, probabilities = answer["outputs"]
    assert label == {"name": "label", "datatype": "BYTES", "shape": [2], "data": [row["label"] for row in wanted]}
    assert score["data"] == pytest.approx([row["score"] for row in wanted], abs=1e-6)
    assert probabilities["shape"] == [2, 2]
    flat = [value for row in wanted for value in row["probabilities"].values()]
    assert probabilities["data"] == pytest.approx(flat, abs=1e-6)


def test_infer_gives_the_outputs_that_are_asked_for_by_the_version_that_is_named(served: Served) -> None:
    for path in ("people/versions/1", "people/versions/champion"):
        answer = served.infer([AGE, CITY], path, outputs=[{"name": "score"}]).json()
        assert [output["name"] for output in answer["outputs"]] == ["score"]
    assert served.infer([AGE, CITY], "people/versions/2").status_code == 404
    assert served.infer([AGE, CITY], "people/versions/nobody").status_code == 404


def test_the_likeliest_classes_come_as_value_index_and_label(served: Served) -> None:
    outputs = [{"name": "probabilities", "parameters": {"classification": 2}}]
    (output,) = served.infer([AGE, CITY], outputs=outputs).json()["outputs"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    for row, prediction in enumerate(served.expected(ROWS)):
        first, second = (text.split(":") for text in output["data"][2 * row : 2 * row + 2])
        assert first[1:] == [str(artifacts.LABELS.index(prediction["label"])), prediction["label"]]
        assert float(first[0]) == pytest.approx(prediction["score"], abs=1e-5)
        assert float(first[0]) + float(second[0]) == pytest.approx(1, abs=1e-5)


def test_images_come_encoded_in_base64_or_as_pixels(served: Served) -> None:
    data = [base64.b64encode(artifacts.draw_image(grey)).decode() for grey in (10, 240)]
    tensors = [
        {"name": "image", "shape": [2], "datatype": "BYTES", "data": data},
        {"name": "image", "shape": [2, 4, 4, 3], "datatype": "UINT8", "data": [10] * 48 + [240] * 48},
        {"name": "image", "shape": [2, 2, 2, 1], "datatype": "FP32", "data": [[[[g]] * 2] * 2 for g in (10.0, 240.0)]},
        {"name": "image", "shape": [2, 2, 2], "datatype": "INT64", "data": [10] * 4 + [240] * 4},
    ]
    for tensor in tensors:
        assert served.infer([tensor], "pictures").json()["outputs"][0]["data"] == ["dark", "light"], tensor


def test_a_model_of_numbers_takes_its_columns_as_one_tensor(served: Served) -> None:
    wanted = [row["value"] for row in served.expected(MEASURES, "measures")]
    matrix = {"name": "input-0", "shape": [2, 2], "datatype": "FP32", "data": [[1.5, 2.5], [3.0, 4.0]]}
    assert served.infer([matrix], "measures").json()["outputs"][0]["data"] == pytest.approx(wanted)
    wide = {**matrix, "shape": [2, 3], "data": [1, 2, 3, 4, 5, 6]}
    assert "width, height" in served.infer([wide], "measures").json()["error"]
    assert "only a model of numbers" in served.infer([matrix]).json()["error"]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_long_answers_are_compressed_for_those_who_ask(served: Served, encoding: str) -> None:
    rows = 300
    inputs = [
        {"name": "age", "shape": [rows], "datatype": "INT32", "data": list(range(rows))},
        {"name": "city", "shape": [rows], "datatype": "BYTES", "data": ["Wien"] * rows},
    ]
    plain = served.post("/v2/models/people/infer", json={"inputs": inputs}, headers={"Accept-Encoding": "identity"})
    options = {"headers": {"Accept-Encoding": encoding}, "stream": True}
    squeezed = served.post("/v2/models/people/infer", json={"inputs": inputs}, **options)
    content = squeezed.raw.read(decode_content=False)
    assert squeezed.headers["Content-Encoding"] == encoding
    assert zlib.decompress(content, 47) == plain.content
    assert len(content) < len(plain.content) / 2
    refused = {"headers": {"Accept-Encoding": f"{encoding};q=0"}}
    refusing = served.post("/v2/models/people/infer", json={"inputs": inputs}, **refused)
    assert "Content-Encoding" not in refusing.headers


def refuse(served: Served, inputs: Any, **more: Any) -> str:
    answer = served.infer(inputs, **more)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"error"}
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "at least one tensor"),
        ([1], "inputs[0]"),
        ([{**AGE, "name": 3}, CITY], "inputs[0]"),
        ([{**AGE, "datatype": "FP8"}, CITY], "input 'age': the datatype must be one of BOOL"),
        ([{**AGE, "datatype": "FP16"}, CITY], "input 'age': FP16 has no form in JSON"),
        ([{**AGE, "datatype": "BF16"}, CITY], "input 'age': BF16 has no form in JSON"),
        ([{**AGE, "shape": [3]}, CITY], "input 'age': the shape [3] wants 3 values, 2 came"),
        ([{**AGE, "shape": [2, 2]}, CITY], "input 'age': the shape [2, 2] wants 4 values"),
        ([{**AGE, "shape": [2, 2], "data": [1, 2, 3, 4]}, CITY], "[rows] or [rows, 1]"),
        ([{**AGE, "shape": "2"}, CITY], "input 'age': the shape must be a list"),
        ([{**AGE, "shape": []}, CITY], "1 to 8 sizes"),
        ([{**AGE, "shape": [-2]}, CITY], "whole numbers from 1, got -2"),
        ([{**AGE, "shape": [2.0]}, CITY], "whole numbers from 1, got 2.0"),
        ([{**AGE, "shape": [True]}, CITY], "whole numbers from 1, got True"),
        ([{**AGE, "shape": [10**18, 10**18]}, CITY], "values, 2 came"),
        ([{**AGE, "data": [1, [2]]}, CITY], "not nested as the shape says"),
        ([AGE, {**CITY, "data": [["Wien"], ["Berlin", "Paris"]]}], "input 'city': the data is not nested"),
        ([AGE, {**CITY, "data": [["Wien"]]}], "wants 2 lists, 1 came"),
        ([AGE, AGE], "same name"),
        ([{**AGE, "name": "size"}, CITY], "input 'size': column 'size' is no input of this model; its inputs are age"),
        ([{**AGE, "data": [1, "old"]}, CITY], "input 'age': must be numbers for FP64; element 1 is 'old'"),
        ([{**AGE, "datatype": "INT8", "data": [1, 128]}, CITY], "input 'age': a value is out of the range of INT8"),
        ([{**AGE, "datatype": "UINT16", "data": [1, -1]}, CITY], "out of the range of UINT16"),
        ([{**AGE, "datatype": "INT64", "data": [1, 1.5]}, CITY], "must be whole numbers for INT64; element 1"),
        ([{**AGE, "datatype": "BOOL", "data": [1, True]}, CITY], "must be true or false for BOOL; element 0"),
        ([AGE, {**CITY, "data": ["Wien", 7]}], "input 'city': must be texts; element 1 is '7'"),
        ([{**AGE, "shape": [1], "data": [1]}, CITY], "equal length: 'age' has 1, 'city' has 2"),
        ([{**AGE, "datatype": "FP32", "data": [1, 1e300]}, CITY], "row 1: column 'age'"),
        ([{"name": "age", "shape": [2], "datatype": "FP64"}, CITY], "must have data"),
        ([{**AGE, "parameters": 3}, CITY], "the parameters must be an object"),
        ([{**AGE, "parameters": {"binary_data_size": 16}}, CITY], "has data and binary_data_size"),
        ([{**AGE, "parameters": {"shared_memory_region": "r"}}, CITY], "shared memory is not offered"),
    ],
)
def test_infer_refuses_what_does_not_fit(served: Served, inputs: list[Any], words: str) -> None:
    assert words in refuse(served, inputs)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"outputs": [{"name": "mood"}]}, "label, score, probabilities"),
        ({"outputs": [{"name": "score"}, {"name": "score"}]}, "twice"),
        ({"outputs": "score"}, "list of objects"),
        ({"outputs": [{"name": "score", "parameters": []}]}, ""),
        ({"outputs": [{"name": "score", "parameters": {"binary_data": 1}}]}, "true or false"),
        ({"outputs": [{"name": "score", "parameters": {"classification": 1}}]}, "with the output 'probabilities'"),
        ({"outputs": [{"name": "probabilities", "parameters": {"classification": -1}}]}, "whole number"),
        ({"id": 3}, '"id" must be a text'),
        ({"parameters": 3}, '"parameters" must be an object'),
        ({"parameters": {"timeout": "soon"}}, "microseconds"),
        ({"parameters": {"binary_data_output": "yes"}}, "true or false"),
    ],
)
def test_infer_refuses_wishes_that_it_cannot_meet(served: Served, more: dict[str, Any], words: str) -> None:
    if words:
        assert words in refuse(served, [AGE, CITY], **more)
    else:
        assert served.infer([AGE, CITY], **more).status_code == 200


def test_a_timeout_in_the_request_is_heeded(served: Served) -> None:
    answer = served.infer([AGE, CITY], parameters={"timeout": 1})
    assert answer.status_code == 504
    assert served.infer([AGE, CITY], parameters={"timeout": 20_000_000, "priority": 1}).status_code == 200


def test_health_and_server_metadata_need_no_key(served: Served) -> None:
    assert served.predictor.get("/v2/health/live", None).json() == {"live": True}
    assert served.predictor.get("/v2/health/ready", None).json() == {"ready": True}
    told = served.predictor.get("/v2", None).json()
    assert (told["name"], told["version"]) == ("modelyard", __version__)
    assert "binary_tensor_data" in told["extensions"]
    assert served.predictor.get("/v2/", None).json() == told
    assert served.predictor.get("/v2/models/people", None).status_code == 401


def test_a_model_is_described(served: Served) -> None:
    assert served.get("/v2/models/people/ready").json() == {"name": "people", "ready": True}
    assert served.get("/v2/models").json() == {"models": ["lengths", "measures", "people", "pictures"]}
    metadata = served.get("/v2/models/people/versions/1").json()
    assert metadata["versions"] == ["1"]
    assert metadata["inputs"][0] == {"name": "age", "datatype": "FP64", "shape": [-1]}
    assert metadata["outputs"][2] == {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}
    config = served.get("/v2/models/people/config").json()
    assert config["max_batch_size"] == 0
    assert config["input"][1] == {"name": "city", "data_type": "TYPE_STRING", "dims": [-1]}
    for path, status in {
        "/v2/models/people/versions/7": 404,
        "/v2/models/people/versions/7/ready": 404,
        "/v2/models/nobody": 404,
        "/v2/nothing": 404,
        "/v2/models/people/infer": 405,
        "/v2/repository/index": 405,
    }.items():
        answer = served.get(path)
        assert answer.status_code == status, path
        assert isinstance(answer.json()["error"], str)


def test_the_repository_is_listed_and_cannot_be_changed(served: Served) -> None:
    lines = served.post("/v2/repository/index").json()
    assert {"name": "people", "version": "1", "state": "READY", "reason": ""} in lines
    assert served.post("/v2/repository/index", json={"ready": True}).json() == lines
    assert served.post("/v2/repository/index", json={"ready": 3}).status_code == 400
    assert served.post("/v2/repository/index", key=None).status_code == 401
    for verb in ("load", "unload"):
        answer = served.post(f"/v2/repository/models/people/{verb}")
        assert answer.status_code == 501
        assert "publish" in answer.json()["error"]


def test_statistics_count_calls_rows_and_time(served: Served) -> None:
    def count() -> Any:
        (stats,) = served.get("/v2/models/measures/stats").json()["model_stats"]
        return stats

    before = count()
    matrix = {"name": "rows", "shape": [3, 2], "datatype": "FP64", "data": [1, 2, 3, 4, 5, 6]}
    assert served.infer([matrix], "measures").status_code == 200
    assert served.infer([{**matrix, "name": "width", "shape": [6, 1]}], "measures").status_code == 200
    assert served.infer([{**matrix, "shape": [2, 3]}], "measures").status_code == 400
    after = count()
    assert after["inference_count"] - before["inference_count"] == 9
    assert after["execution_count"] - before["execution_count"] == 2
    grown = {
        name: {part: after["inference_stats"][name][part] - before["inference_stats"][name][part] for part in duration}
        for name, duration in after["inference_stats"].items()
    }
    for name in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert grown[name]["count"] == 2
        assert grown[name]["ns"] > 0
    assert grown["fail"]["count"] == 1
    assert grown["success"]["ns"] > grown["compute_infer"]["ns"]
    assert {batch["batch_size"] for batch in after["batch_stats"]} >= {4, 8}
    assert after["last_inference"] > before["last_inference"]
    assert len(served.get("/v2/models/stats").json()["model_stats"]) == 4
    assert served.get("/v2/models/measures/versions/2/stats").status_code == 404
