"""Wire forms: rows to a request and an answer to probabilities, in the protocol that a server is asked in.

Peers get bare numbers, the least that their protocols carry. Modelyard gets what its users send: named columns.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from bench.serving.models import COLUMNS, Matrix, Model, Rows, name_columns
from modelyard.contracts.keys import compose_key

KEY = compose_key("benchkey", "0123456789abcdefghijklmnopqrstuv")
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
HEADER_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Request:
    path: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Wire:
    encode: Callable[[Model, Rows], Request]
    decode: Callable[[Model, Answer], Matrix]


def json_request(path: str, value: Any) -> Request:
    return Request(path, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), HEADERS)


def encode_images(rows: Rows) -> list[dict[str, str]]:
    return [{"b64": base64.b64encode(jpeg).decode()} for jpeg in rows.jpegs]


# -- Modelyard: TensorFlow Serving's row form and column form, MLflow's split form, version 2 with binary tensors

PREDICT = "/v1/models/bench:predict"
INFER = "/v2/models/bench/infer"
INVOCATIONS = "/endpoints/bench/invocations"


def encode_named_rows(model: Model, rows: Rows) -> Request:
    if model.shape == (len(COLUMNS),):
        return json_request(PREDICT, {"instances": name_columns(rows)})
    shape = model.shape if model.shape[2] > 1 else model.shape[:2]
    return json_request(PREDICT, {"instances": [{"image": line.reshape(shape).tolist()} for line in rows.matrix]})


def encode_named_columns(model: Model, rows: Rows) -> Request:
    return json_request(PREDICT, {"inputs": dict(zip(COLUMNS, rows.matrix.T.tolist(), strict=True))})


def encode_lists(model: Model, rows: Rows) -> Request:
    """Rows of bare numbers in the order of the columns, as peers get them."""
    return json_request(PREDICT, {"instances": rows.matrix.tolist()})


def encode_split(model: Model, rows: Rows) -> Request:
    """MLflow's form: the names once, then rows of bare numbers."""
    return json_request(INVOCATIONS, {"dataframe_split": {"columns": COLUMNS, "data": rows.matrix.tolist()}})


def encode_named_images(model: Model, rows: Rows) -> Request:
    return json_request(PREDICT, {"instances": encode_images(rows)})


def encode_named_tensors(model: Model, rows: Rows) -> Request:
    columns = dict(zip(COLUMNS, rows.matrix.T.astype(np.float32), strict=True))
    return encode_binary(columns, OUTPUTS)


def decode_named_rows(model: Model, answer: Answer) -> Matrix:
    return order_labels(model, [row["probabilities"] for row in orjson.loads(answer.body)["predictions"]])


def decode_named_columns(model: Model, answer: Answer) -> Matrix:
    return order_labels(model, orjson.loads(answer.body)["outputs"]["probabilities"])


def order_labels(model: Model, rows: list[dict[str, float]]) -> Matrix:
    return np.array([[row[label] for label in model.labels] for row in rows])


# -- binary tensors

OUTPUTS = {"outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}]}
ALL_OUTPUTS = {"parameters": {"binary_data_output": True}}


def encode_binary(tensors: Mapping[str, Matrix], wanted: Mapping[str, Any]) -> Request:
    inputs = [
        {"name": name, "shape": tensor.shape, "datatype": "FP32", "parameters": {"binary_data_size": tensor.nbytes}}
        for name, tensor in tensors.items()
    ]
    head = orjson.dumps({"inputs": inputs, **wanted})
    headers = {**HEADERS, "Content-Type": "application/octet-stream", HEADER_LENGTH: str(len(head))}
    return Request(INFER, head + b"".join(tensor.tobytes() for tensor in tensors.values()), headers)


def encode_matrix_tensor(model: Model, rows: Rows) -> Request:
    return encode_binary({"rows": rows.matrix.astype(np.float32)}, ALL_OUTPUTS)


def decode_binary(model: Model, answer: Answer) -> Matrix:
    length = int(answer.headers[HEADER_LENGTH.lower()])
    (output,) = orjson.loads(answer.body[:length])["outputs"]
    return np.frombuffer(answer.body[length:], dtype=np.float32).reshape(output["shape"])


# -- the peers


def send(model: Model, rows: Rows) -> Matrix:
    return rows.matrix.reshape(-1, *model.sent_shape)


def instances_wire(path: str, *, pixels: str = "", images: str = "") -> dict[str, Wire]:
    """`{"instances": rows}` and `{"predictions": probabilities}`, which most servers have by hand or by tradition.

    `pixels` and `images` are what the path ends with where a server takes those elsewhere.
    """

    def encode_rows(model: Model, rows: Rows) -> Request:
        ending = pixels if len(model.sent_shape) > 1 else ""
        return json_request(path + ending, {"instances": send(model, rows).tolist()})

    def encode_jpegs(model: Model, rows: Rows) -> Request:
        return json_request(path + images, {"instances": encode_images(rows)})

    return {"rows": Wire(encode_rows, decode_predictions), "jpeg": Wire(encode_jpegs, decode_predictions)}


def encode_inputs(model: Model, rows: Rows) -> Request:
    return json_request("/invocations", {"inputs": send(model, rows).tolist()})


def decode_predictions(model: Model, answer: Answer) -> Matrix:
    found = orjson.loads(answer.body)
    found = found["predictions"] if isinstance(found, dict) else found
    return np.array(found["probabilities"] if isinstance(found, dict) else found)


def encode_tensor(model: Model, rows: Rows) -> Request:
    data = rows.matrix.reshape(-1).tolist()
    tensor = {"name": "rows", "shape": send(model, rows).shape, "datatype": "FP32", "data": data}
    return json_request(INFER, {"inputs": [tensor]})


def encode_bytes_tensor(model: Model, rows: Rows) -> Request:
    data = [image["b64"] for image in encode_images(rows)]
    return json_request(
        INFER, {"inputs": [{"name": "images", "shape": [len(data), 1], "datatype": "BYTES", "data": data}]}
    )


def decode_tensor(model: Model, answer: Answer) -> Matrix:
    (output,) = orjson.loads(answer.body)["outputs"]
    return np.array(output["data"]).reshape(output["shape"])


MODELYARD = {
    "rows": Wire(encode_named_rows, decode_named_rows),
    "lists": Wire(encode_lists, decode_named_rows),
    "split": Wire(encode_split, decode_named_rows),
    "columns": Wire(encode_named_columns, decode_named_columns),
    "binary": Wire(encode_named_tensors, decode_binary),
    "jpeg": Wire(encode_named_images, decode_named_rows),
}
