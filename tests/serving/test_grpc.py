"""The Open Inference Protocol over gRPC: another transport to the same desk, so the same keys, limits and refusals."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from tests.serving import artifacts
from tests.serving.conftest import wait_for
from tests.serving.grpc_calls import AGES, SECONDS, Answer, ask, call, infer, make_raw_request, make_request, refuse
from tests.serving.open_inference import ROWS, Served, pack_texts, serve, unpack_texts
from workers.serving.grpc.messages import MESSAGES, SERVICE


@pytest.fixture(scope="module")
def served(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(redis_server, 6, tmp_path_factory.mktemp("grpc")) as served:
        yield served


def test_raw_tensors_are_answered_raw(served: Served) -> None:
    answer = infer(served, make_raw_request(id="r-1"))
    message, wanted = answer.message, served.expected(ROWS)
    assert (message.model_name, message.model_version, message.id) == ("people", "1", "r-1")
    assert [output.name for output in message.outputs] == ["label", "score", "probabilities"]
    labels, scores, probabilities = message.raw_output_contents
    assert unpack_texts(labels) == [row["label"] for row in wanted]
    assert np.frombuffer(scores, "<f4").tolist() == pytest.approx([row["score"] for row in wanted], abs=1e-6)
    assert list(message.outputs[2].shape) == [2, 2]
    flat = [value for row in wanted for value in row["probabilities"].values()]
    assert np.frombuffer(probabilities, "<f4").tolist() == pytest.approx(flat, abs=1e-6)


def test_typed_tensors_are_answered_typed(served: Served) -> None:
    request = make_request()
    request.inputs[0].contents.fp64_contents.extend(AGES)
    request.inputs[1].contents.bytes_contents.extend([b"Wien", b"Berlin"])
    request.outputs.add(name="label")
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 1
    message, wanted = infer(served, request).message, served.expected(ROWS)
    label, classes = message.outputs
    assert not message.raw_output_contents
    assert list(label.contents.bytes_contents) == [row["label"].encode() for row in wanted]
    assert [text.decode().split(":")[2] for text in classes.contents.bytes_contents] == [row["label"] for row in wanted]
    assert list(classes.shape) == [2, 1]


@pytest.mark.parametrize(
    ("datatype", "field"),
    [
        ("INT8", "int_contents"),
        ("INT32", "int_contents"),
        ("INT64", "int64_contents"),
        ("UINT16", "uint_contents"),
        ("UINT64", "uint64_contents"),
        ("FP32", "fp32_contents"),
        ("FP64", "fp64_contents"),
    ],
)
def test_numbers_have_a_field_for_each_type(served: Served, datatype: str, field: str) -> None:
    request = MESSAGES["ModelInferRequest"](model_name="measures")
    tensor = request.inputs.add(name="rows", datatype=datatype, shape=[2, 2])
    getattr(tensor.contents, field).extend([1, 2, 3, 4])
    rows = [{"width": 1, "height": 2}, {"width": 3, "height": 4}]
    wanted = [row["value"] for row in served.expected(rows, "measures")]
    assert list(infer(served, request).message.outputs[0].contents.fp64_contents) == pytest.approx(wanted)


def test_images_come_as_they_are(served: Served) -> None:
    request = MESSAGES["ModelInferRequest"](model_name="pictures")
    request.inputs.add(name="image", datatype="BYTES", shape=[2])
    request.raw_input_contents.append(pack_texts(artifacts.draw_image(10), artifacts.draw_image(240)))
    assert unpack_texts(infer(served, request).message.raw_output_contents[0]) == ["dark", "light"]


def test_the_server_and_its_models_are_told(served: Served) -> None:
    address = served.grpc_address
    assert call(address, "ServerLive", b"").message.live
    assert call(address, "ServerReady", b"").message.ready
    assert call(address, "ServerMetadata", b"").message.name == "modelyard"
    assert ask(served, "ModelReady", name="people", version="champion").message.ready
    for name, version in (("nobody", ""), ("people", "9"), ("people", "nobody")):
        assert ask(served, "ModelReady", name=name, version=version).message.ready is False
    metadata = ask(served, "ModelMetadata", name="people", version="1").message
    assert [(item.name, item.datatype, list(item.shape)) for item in metadata.inputs] == [
        ("age", "FP64", [-1]),
        ("city", "BYTES", [-1]),
    ]
    assert ask(served, "ModelConfig", name="people").message.config.input[1].data_type == 13
    assert ask(served, "ModelMetadata", name="nobody").code is grpc.StatusCode.NOT_FOUND
    assert ask(served, "ModelMetadata").code is grpc.StatusCode.NOT_FOUND
    index = ask(served, "RepositoryIndex", ready=True).message.models
    assert [line.name for line in index] == ["lengths", "measures", "people", "pictures"]
    assert ask(served, "RepositoryModelLoad", model_name="people").code is grpc.StatusCode.UNIMPLEMENTED
    assert call(address, "ModelMagic", b"").code is grpc.StatusCode.UNIMPLEMENTED


def test_calls_are_counted_in_statistics_and_usage(served: Served) -> None:
    def count() -> int:
        return int(ask(served, "ModelStatistics", name="lengths").message.model_stats[0].inference_count)

    def usage() -> tuple[int, int]:
        mine = [used for used in served.platform.usage() if used.endpoint == "lengths"]
        return sum(used.predictions for used in mine), sum(used.errors for used in mine)

    before = count()
    request = MESSAGES["ModelInferRequest"](model_name="lengths")
    request.inputs.add(name="length", datatype="FP64", shape=[3])
    request.raw_input_contents.append(np.ones(3).tobytes())
    assert infer(served, request).code is grpc.StatusCode.OK
    request.inputs[0].name = "size"
    assert "'size'" in refuse(served, request)
    assert count() == before + 3
    assert len(ask(served, "ModelStatistics").message.model_stats) == 4
    wait_for(lambda: usage() == (3, 1), SECONDS)


def test_a_key_comes_in_metadata_under_either_name(served: Served) -> None:
    request = make_raw_request()
    assert infer(served, request, x_api_key=served.key).code is grpc.StatusCode.OK
    missing = call(served.grpc_address, "ModelInfer", request)
    assert missing.code is grpc.StatusCode.UNAUTHENTICATED
    assert infer(served, request, authorization="Bearer nonsense").code is grpc.StatusCode.UNAUTHENTICATED
    assert infer(served, request, x_api_key=served.reader).code is grpc.StatusCode.PERMISSION_DENIED


def test_the_answer_tells_request_version_and_limits(served: Served) -> None:
    metadata = {"authorization": f"Bearer {served.key}", "x_request_id": "mine-1"}
    for request in (make_raw_request(), make_raw_request(ages=b"short")):
        told = infer(served, request, **metadata).told
        assert told["x-request-id"] == "mine-1"
        assert told["x-modelyard-version"] == "1"
        assert "content-type" not in told
    assert re.fullmatch(r"[0-9a-f]{20,}", infer(served, make_raw_request()).told["x-request-id"])


def test_limits_are_those_of_the_workspace(served: Served) -> None:
    workspace = "22222222-2222-2222-2222-222222222222"
    served.platform.publish_route("few", served.people, workspace=workspace)
    served.platform.publish_limits(workspace, predictions_per_month=3)
    key = served.platform.publish_key(workspace)
    request = make_raw_request()
    request.model_name = "few"
    refused: list[Answer] = []

    def is_refused() -> bool:
        refused.append(infer(served, request, x_api_key=key))
        return refused[-1].code is grpc.StatusCode.RESOURCE_EXHAUSTED

    wait_for(is_refused, SECONDS)
    answer = refused[-1]
    assert int(answer.told["retry-after"]) >= 1
    assert "ratelimit" in answer.told


LYING: list[tuple[Callable[[Any], Any], str]] = [
    (lambda request: request.ClearField("inputs"), "at least one input"),
    (lambda request: request.raw_input_contents.pop(), "2 inputs came, but 1 raw_input_contents"),
    (
        lambda request: request.inputs[0].shape.append(2),
        "input 'age': the shape [2, 2] of FP64 needs 32 bytes, 16 came",
    ),
    (lambda request: request.inputs[0].shape.extend([2**62, 2**62]), "bytes, 16 came"),
    (lambda request: request.inputs[0].shape.append(-1), "whole numbers from 1, got -1"),
    (lambda request: request.inputs[0].ClearField("shape"), "1 to 8 sizes, got 0"),
    (lambda request: setattr(request.inputs[0], "datatype", "FP8"), "the datatype must be one of"),
    (lambda request: setattr(request.inputs[0], "name", "city"), "same name"),
    (lambda request: request.inputs[1].shape.__setitem__(0, 3), "input 'city': 3 BYTES elements"),
    (lambda request: request.inputs[0].contents.fp64_contents.append(1), "has contents, and the request raw_input"),
    (lambda request: request.outputs.add(name="mood"), "label, score, probabilities"),
    (lambda request: request.inputs[0].parameters["shared_memory_region"].SetInParent(), "shared memory is not"),
]


@pytest.mark.parametrize(("spoil", "words"), LYING)
def test_a_request_that_lies_is_refused_by_tensor(served: Served, spoil: Callable[[Any], Any], words: str) -> None:
    request = make_raw_request()
    spoil(request)
    assert words in refuse(served, request)


@pytest.mark.parametrize(
    ("datatype", "field", "values", "words"),
    [
        ("INT8", "int_contents", [1, 300, 2, 3], "input 'rows': a value is out of the range of INT8"),
        ("FP32", "fp32_contents", [1.0], "wants 4 values in fp32_contents, 1 came"),
        ("FP32", "fp64_contents", [1, 2, 3, 4], "wants 4 values in fp32_contents, 0 came"),
        ("FP16", "fp32_contents", [1, 2, 3, 4], "FP16 has no typed contents"),
        ("FP64", "fp64_contents", [1, 2, 3, np.inf], "inputs, row 1: column 'height' is infinite"),
    ],
)
def test_typed_contents_that_do_not_fit_are_refused(
    served: Served, datatype: str, field: str, values: list[float], words: str
) -> None:
    request = MESSAGES["ModelInferRequest"](model_name="measures")
    tensor = request.inputs.add(name="rows", datatype=datatype, shape=[2, 2])
    getattr(tensor.contents, field).extend(values)
    assert words in refuse(served, request)


def test_messages_that_cannot_be_read_or_are_too_large_are_refused(served: Served) -> None:
    bearer = {"authorization": f"Bearer {served.key}"}
    assert infer(served, b"\xff\xff\xff", **bearer).code is grpc.StatusCode.INVALID_ARGUMENT
    huge = make_raw_request(ages=bytes(2_000_000))
    assert infer(served, huge, **bearer).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    with grpc.insecure_channel(served.grpc_address, compression=grpc.Compression.Gzip) as channel:
        bomb = make_raw_request(ages=bytes(64_000_000)).SerializeToString()
        ask_squeezed = channel.unary_unary(f"/{SERVICE}/ModelInfer")
        with pytest.raises(grpc.RpcError) as refusal:
            ask_squeezed(bomb, metadata=[("authorization", bearer["authorization"])], timeout=SECONDS)
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_a_caller_without_patience_is_told_so(served: Served) -> None:
    request = make_raw_request()
    answer = infer(served, request, authorization=f"Bearer {served.key}", x_request_timeout_ms="0")
    assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED
    request.parameters["timeout"].int64_param = 1
    assert refuse(served, request, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_many_callers_get_their_own_answers(served: Served) -> None:
    rows = [[{"width": float(caller), "height": float(row)} for row in range(caller % 4 + 1)] for caller in range(24)]
    wanted = [[row["value"] for row in served.expected(part, "measures")] for part in rows]
    found: dict[int, list[float]] = {}

    def ask_for(caller: int) -> None:
        request = MESSAGES["ModelInferRequest"](model_name="measures")
        for name in ("width", "height"):
            request.inputs.add(name=name, datatype="FP64", shape=[len(rows[caller])])
            request.raw_input_contents.append(np.array([row[name] for row in rows[caller]]).tobytes())
        found[caller] = np.frombuffer(infer(served, request).message.raw_output_contents[0]).tolist()

    threads = [threading.Thread(target=ask_for, args=(caller,)) for caller in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for caller, values in enumerate(wanted):
        assert found[caller] == pytest.approx(values)
