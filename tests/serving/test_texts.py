"""Texts over every protocol, bare or named; and texts that nobody should send."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.decoder import ClassDecoder
from modelyard.features.texts import TextFeatures
from tests.serving import artifacts
from tests.serving.conftest import Shared, wait_for

NAME = "messages"
PREDICT, INFER, INVOKE = f"/v1/models/{NAME}:predict", f"/v2/models/{NAME}/infer", f"/endpoints/{NAME}/invocations"
SPAM, HAM = "win free money now", "see you at lunch"
LABELS = ("ham", "spam")


def build_core(features: TextFeatures, texts: tuple[str, str] = (HAM, SPAM)) -> bytes:
    """Each gram speaks for the class whose training texts hold it."""
    arrays = features.transform(list(texts))
    table = np.zeros((features.gram_count + 1, 2), np.float32)
    for label in range(2):
        table[arrays["gram_ids"][label], label] += 9 * arrays["gram_weights"][label]
    steps = [
        helper.make_node("Gather", ["table", "gram_ids"], ["picked"]),
        helper.make_node("Unsqueeze", ["gram_weights", "last"], ["weights"]),
        helper.make_node("Mul", ["picked", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "middle"], ["logits"], keepdims=0),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    width = arrays["gram_ids"].shape[1]
    inputs = [
        helper.make_tensor_value_info("gram_ids", TensorProto.INT32, [None, width]),
        helper.make_tensor_value_info("gram_weights", TensorProto.FLOAT, [None, width]),
    ]
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([2]), "last"),
        numpy_helper.from_array(np.array([1]), "middle"),
    ]
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph(steps, "core", inputs, [answer], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def messages(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """The predictor with an endpoint of texts."""
    features = TextFeatures.fit({"text": np.array([SPAM, HAM] * 4, dtype=object)}, {"text": "text"})
    signature = Signature(
        task="classification",
        inputs=(Input(name="text", kind="text", optional=False, example=HAM),),
        output=Output(kind="label", name="label", labels=LABELS),
    )
    golden = [{"text": SPAM}, {"text": None}]
    folder = tmp_path_factory.mktemp(NAME) / "artifact"
    target = artifacts.write(folder, signature, features, ClassDecoder(LABELS), build_core(features), golden)
    route = shared.platform.publish_route(NAME, target)
    wait_for(lambda: shared.predict(SPAM, name=NAME).status_code == 200)
    yield shared
    shared.platform.withdraw_route(route)
    wait_for(lambda: NAME not in shared.get("/v1/models").json()["models"])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PREDICT, {"instances": [SPAM, HAM]}),
        (PREDICT, {"instances": [{"text": SPAM}, {"text": HAM}]}),
        (PREDICT, {"instances": [[SPAM], [HAM]]}),
        (PREDICT, {"inputs": {"text": [SPAM, HAM]}}),
        (PREDICT, {"inputs": [SPAM, HAM]}),
        (INVOKE, {"instances": [SPAM, HAM]}),
        (INVOKE, {"inputs": [SPAM, HAM]}),
        (INVOKE, {"inputs": {"text": [SPAM, HAM]}}),
        (INVOKE, {"dataframe_split": {"columns": ["text"], "data": [[SPAM], [HAM]]}}),
        (INVOKE, {"dataframe_records": [{"text": SPAM}, {"text": HAM}]}),
    ],
)
def test_every_form_of_json_takes_texts(messages: Shared, path: str, body: dict[str, Any]) -> None:
    answer = messages.post(path, json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json().get("predictions") or answer.json().get("outputs")
    labels = found["label"] if isinstance(found, dict) else [one["label"] for one in found]
    assert labels == ["spam", "ham"]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_open_inference_takes_tensors_of_bytes(messages: Shared, shape: list[int]) -> None:
    tensor = {"name": "text", "shape": shape, "datatype": "BYTES", "data": [SPAM, HAM]}
    answer = messages.post(INFER, json={"inputs": [tensor]})
    assert (answer.status_code, answer.json()["outputs"][0]["data"]) == (200, ["spam", "ham"]), answer.text


def test_a_file_of_texts_is_taken(messages: Shared) -> None:
    content = f'text\n"{SPAM}, please"\n{HAM}\n'
    answer = messages.post(INVOKE, data=content, headers={"Content-Type": "text/csv"})
    assert [one["label"] for one in answer.json()["predictions"]] == ["spam", "ham"], answer.text


@pytest.mark.parametrize(
    "text", ["", None, "😀" * 1000, "\x00\x07\x1b", "春眠不觉晓", "x" * 900_000, "&#0;&lt;", "\u202e"]
)
def test_odd_texts_are_answered(messages: Shared, text: str | None) -> None:
    answer = messages.predict(text, name=NAME)
    assert answer.status_code == 200, answer.text
    assert sum(answer.json()["predictions"][0]["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"instances": ["\\ud800"]}', 400),
        (b'{"instances": ["\xff\xfe"]}', 400),
        (b'{"instances": [{"text": ["a", "b"]}]}', 400),
        (b'{"instances": [{"body": "a"}]}', 400),
        (b'{"instances": [{}]}', 400),
        (b'{"instances": ["' + b"x" * 1_100_000 + b'"]}', 413),
    ],
)
def test_what_is_no_text_is_refused(messages: Shared, body: bytes, status: int) -> None:
    answer = messages.post(PREDICT, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
