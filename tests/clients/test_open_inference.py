"""Triton's and KServe's own clients against the predictor, over HTTP and gRPC: nothing about them is changed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from modelyard import __version__
from tests.clients.conftest import RunScript
from tests.serving import artifacts
from tests.serving.open_inference import MEASURES, Served, serve
from workers.serving.grpc.family import METHODS
from workers.serving.grpc.messages import DATA_TYPES, MESSAGES, SERVICE

ROWS = [{"age": 41, "city": "Wien"}, {"age": 22.5, "city": "Berlin"}, {"age": None, "city": "Paris"}]
AGES = [20.0, 30.5, 41.0, 62.0]


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(redis_server, 3, tmp_path_factory.mktemp("open-inference")) as served:
        yield served


def arguments(served: Served, **more: Any) -> dict[str, Any]:
    image = artifacts.draw_image(240).hex()
    return {"key": served.key, "reader": served.reader, "image": image, "url": served.predictor.url, **more}


def check_answers(found: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert found["label"] == [row["label"] for row in expected]
    probabilities = [list(row["probabilities"].values()) for row in expected]
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=1e-5)
    np.testing.assert_allclose(found["score"], [row["score"] for row in expected], rtol=1e-5)


def check_told(found: dict[str, Any]) -> None:
    """What both of Triton's clients are told of the server and the model."""
    assert (found["live"], found["ready"], found["model_ready"], found["unknown_ready"]) == (True, True, True, False)
    assert found["server"]["name"] == "modelyard"
    assert found["server"]["version"] == __version__
    assert {"binary_tensor_data", "classification", "statistics"} <= set(found["server"]["extensions"])
    assert found["model"]["versions"] == ["1"]
    assert [item["name"] for item in found["model"]["inputs"]] == ["age", "city"]
    assert [item["datatype"] for item in found["model"]["outputs"]] == ["BYTES", "FP32", "FP32"]
    assert [item["data_type"] for item in found["config"]["input"]] == ["TYPE_FP64", "TYPE_STRING"]
    assert found["response"] == {"model_name": "people", "model_version": "1", "id": "r-2"}


def check_counted(found: dict[str, Any]) -> None:
    (stats,) = found["stats"]["model_stats"]
    inference = stats["inference_stats"]
    assert int(inference["success"]["count"]) >= 4
    assert int(stats["inference_count"]) >= 12
    assert int(stats["execution_count"]) >= 1
    for part in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        assert int(inference[part]["count"]) >= 4
        assert int(inference[part]["ns"]) > 0
    assert {line["name"]: line["state"] for line in found["index"]} == {
        "lengths": "READY",
        "measures": "READY",
        "people": "READY",
        "pictures": "READY",
    }
    assert found["all_stats"] == 4


def check_classes(found: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    for text, row in zip(found["classes"], expected, strict=True):
        value, index, label = text.split(":")
        assert (label, artifacts.LABELS[int(index)]) == (row["label"], row["label"])
        assert float(value) == pytest.approx(row["score"], abs=1e-5)


def test_tritonclient_http_meets_a_server_of_its_kind(served: Served, run_script: RunScript) -> None:
    address = served.predictor.url.removeprefix("http://")
    found = run_script("triton_http", **arguments(served, address=address))
    expected = served.expected(ROWS)
    check_told(found)
    for form in ("binary", "json", "binary_outputs", "json_outputs", "async"):
        check_answers(found[form], expected)
    assert found["gzip"]
    assert found["deflate"]
    check_classes(found, expected)
    check_counted(found)
    assert found["version"] == ["1"]
    assert found["encoded"] == "light"
    assert found["pixels"] == ["dark", "light"]
    np.testing.assert_allclose(found["matrix"], [row["value"] for row in served.expected(MEASURES, "measures")])
    statuses = {name: status for name, (status, _) in found["refused"].items()}
    assert statuses == {
        "load": "501",
        "trace": "501",
        "log": "501",
        "memory": "501",
        "unload": "501",
        "no_key": "401",
        "nobody": "404",
        "version": "404",
        "column": "400",
        "timeout": "504",
    }
    assert "not offered" in found["refused"]["trace"][1]
    assert "input 'size'" in found["refused"]["column"][1]


def test_tritonclient_http_aio_asks_many_at_once(served: Served, run_script: RunScript) -> None:
    address = served.predictor.url.removeprefix("http://")
    check_many(served, run_script("triton_http_aio", **arguments(served, address=address, ages=AGES)), 2)


def test_tritonclient_grpc_meets_a_server_of_its_kind(served: Served, run_script: RunScript) -> None:
    found = run_script("triton_grpc", **arguments(served, address=served.grpc_address))
    expected = served.expected(ROWS)
    check_told(found)
    for form in ("infer", "outputs", "gzip", "deflate", "async"):
        check_answers(found[form], expected)
    first, refusal, last = found["streamed"]
    check_answers(first, expected)
    assert "nobody" in refusal
    check_answers(last, expected)
    check_classes(found, expected)
    check_counted(found)
    assert found["encoded"] == "light"
    np.testing.assert_allclose(found["matrix"], [row["value"] for row in served.expected(MEASURES, "measures")])
    codes = {name: code.removeprefix("StatusCode.") for name, (code, _) in found["refused"].items()}
    assert codes == {
        "load": "UNIMPLEMENTED",
        "trace": "UNIMPLEMENTED",
        "log": "UNIMPLEMENTED",
        "memory": "UNIMPLEMENTED",
        "unload": "UNIMPLEMENTED",
        "no_key": "UNAUTHENTICATED",
        "reader": "PERMISSION_DENIED",
        "nobody": "NOT_FOUND",
        "version": "NOT_FOUND",
        "column": "INVALID_ARGUMENT",
        "timeout": "DEADLINE_EXCEEDED",
    }
    assert "not offered" in found["refused"]["trace"][1]
    assert "input 'size'" in found["refused"]["column"][1]


def test_tritonclient_grpc_aio_asks_many_at_once(served: Served, run_script: RunScript) -> None:
    found = run_script("triton_grpc_aio", **arguments(served, address=served.grpc_address, ages=AGES))
    check_many(served, found, 1)
    assert found["streamed"] == found["probabilities"]


def check_many(served: Served, found: dict[str, Any], times: int) -> None:
    expected = served.expected([{"age": age, "city": "Wien"} for age in AGES])
    probabilities = [list(row["probabilities"].values()) for row in expected] * times
    np.testing.assert_allclose(found["probabilities"], probabilities, rtol=1e-5)
    assert (found["ready"], found["server"], found["stats"]) == (True, "modelyard", "people")
    assert found["index"] == ["lengths", "measures", "people", "pictures"]


def test_kserve_speaks_version_2_over_rest_and_grpc(served: Served, run_script: RunScript) -> None:
    found = run_script("kserve_v2", **arguments(served, address=served.grpc_address))
    expected = served.expected(ROWS[:2])
    assert found["live"]
    assert found["ready"]
    assert found["model_ready"]
    for form in ("json", "binary", "grpc"):
        assert found[form]["model"] == ["people", "r-1"]
        assert found[form]["labels"] == [row["label"] for row in expected]
        probabilities = [list(row["probabilities"].values()) for row in expected]
        np.testing.assert_allclose(found[form]["probabilities"], probabilities, rtol=1e-5)
    status, message = found["refused"]
    assert status == 404
    assert "nobody" in message
    assert found["grpc_ready"] == [True, True, True]


def test_the_messages_have_the_numbers_and_types_of_the_protocol(run_script: RunScript) -> None:
    theirs = run_script("grpc_descriptors")
    assert theirs["types"] == {name: number for number, name in enumerate(DATA_TYPES)}
    for name, message in MESSAGES.items():
        for field in message.DESCRIPTOR.fields:
            kind = field.message_type.full_name if field.message_type else None
            wanted = theirs["messages"][f"inference.{name}"][field.name]
            assert [field.number, field.type, field.is_repeated, kind] == wanted, f"{name}.{field.name}"
    for method in METHODS:
        assert theirs["methods"][method] == [f"inference.{method}Request", f"inference.{method}Response"]
    streamed = ["inference.ModelInferRequest", "inference.ModelStreamInferResponse"]
    assert theirs["methods"]["ModelStreamInfer"] == streamed
    assert SERVICE == "inference.GRPCInferenceService"
