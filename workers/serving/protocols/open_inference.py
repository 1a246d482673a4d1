"""Open Inference Protocol, version 2 (KServe, Triton, MLServer): tensors in JSON.

Each column of a model is one input of shape [rows] or [rows, 1]; each part of a prediction is one output.
"""

import re
from functools import partial
from http import HTTPStatus
from math import prod
from typing import Any
from urllib.parse import unquote

import orjson

from modelyard import __version__
from modelyard.contracts.signature import Output, Signature
from workers.serving.call import Call
from workers.serving.endpoints import Endpoint, Served
from workers.serving.http.exchange import Exchange
from workers.serving.models.loaded import Predictions
from workers.serving.models.rows import read_columns, read_rows
from workers.serving.problems import Problem, bad_request, not_found, unavailable
from workers.serving.protocols.family import Look, Operation, Overview, Prediction, Public
from workers.serving.protocols.json_body import read_json_object

PATH = re.compile(
    r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>\d{1,9}))?(?P<verb>/ready|/infer)?/?", re.IGNORECASE
)
DATATYPES = frozenset(
    ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP32", "FP64", "BYTES")
)
KINDS = {"number": "FP64"}
PLATFORM = "modelyard_onnxruntime"


class OpenInference:
    """`/v2/…`"""

    def owns(self, path: str) -> bool:
        return path.lower().startswith("/v2/") or path.lower() == "/v2"

    def parse(self, method: bytes, path: str) -> Operation:
        plain = path.lower().rstrip("/")
        if method in (b"GET", b"HEAD") and plain in PUBLIC:
            return PUBLIC[plain]
        if method in (b"GET", b"HEAD") and plain == "/v2/models":
            return Overview(show=lambda names: orjson.dumps({"models": names}))
        found = PATH.fullmatch(path)
        if found is None:
            raise not_found(f"there is nothing at {path:.200}")
        name, version = unquote(found["name"]), int(found["version"]) if found["version"] else None
        verb = (found["verb"] or "").lower()
        if method == b"POST" and verb == "/infer":
            return Prediction(endpoint=name, read=read_infer, version=version)
        if method not in (b"GET", b"HEAD") or verb == "/infer":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{path:.200} does not take {method.decode()}")
        show = show_ready if verb == "/ready" else show_metadata
        return Look(endpoint=name, show=lambda endpoint: show(endpoint, version))

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})


def _show_server(_: list[str]) -> bytes:
    return orjson.dumps({"name": "modelyard", "version": __version__, "extensions": []})


PUBLIC = {
    "/v2": Public(show=_show_server),
    "/v2/health/live": Public(show=lambda _: b'{"live":true}'),
    "/v2/health/ready": Public(show=lambda problems: orjson.dumps({"ready": not problems}), heeds_readiness=True),
}


# -- infer


def read_infer(call: Call) -> None:
    if b"inference-header-content-length" in call.exchange.headers:
        raise bad_request("binary tensors are not offered; send the tensors as JSON")
    body = read_json_object(call.exchange.body, '"inputs" (a list of tensors)')
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise bad_request('"inputs" must be a list of at least one tensor')
    columns = dict(_read_tensor(tensor, index) for index, tensor in enumerate(inputs))
    if len(columns) < len(inputs):
        raise bad_request("two inputs have the same name")
    call.where = "inputs, row %d"
    call.columns, call.count = read_columns(call.model, columns)
    if call.model.takes_images and call.model.sole_input is not None:
        call.rows, call.columns = read_rows(call.model, call.columns[call.model.sole_input.name]), None
    wanted = _read_wanted(body.get("outputs"), call.model.signature.output)
    call.encode = partial(encode_tensors, call, body.get("id"), wanted)


def _read_tensor(tensor: object, index: int) -> tuple[str, list[object]]:
    where = f"inputs[{index}]"
    if not isinstance(tensor, dict):
        raise bad_request(f"{where}: must be an object with name, shape, datatype and data")
    name, shape, datatype, data = (tensor.get(key) for key in ("name", "shape", "datatype", "data"))
    if not isinstance(name, str) or not isinstance(data, list):
        raise bad_request(f"{where}: must have a name (text) and data (list)")
    if datatype not in DATATYPES:
        raise bad_request(
            f"{where}: the datatype must be one of {', '.join(sorted(DATATYPES))}, got {str(datatype)[:40]}"
        )
    if not isinstance(shape, list) or not _is_shape(shape):
        raise bad_request(f"{where}: the shape must be a list of whole numbers")
    if prod(shape) != shape[0]:
        raise bad_request(f"{where}: a column has the shape [rows] or [rows, 1], got {shape}")
    values = _flatten(data, len(shape), where)
    if len(values) != shape[0]:
        raise bad_request(f"{where}: the shape {shape} wants {shape[0]} values, {len(values)} came")
    return name, values


def _is_shape(shape: list[object]) -> bool:
    return 0 < len(shape) <= 8 and all(type(size) is int and size > 0 for size in shape)


def _flatten(data: list[object], depth: int, where: str) -> list[object]:
    """Data may come flat or nested as the shape says."""
    for _ in range(depth - 1):
        if not all(isinstance(part, list) for part in data):
            break
        data = [value for part in data if isinstance(part, list) for value in part]
    if any(isinstance(value, (list, dict)) for value in data):
        raise bad_request(f"{where}: the data is not nested as the shape says")
    return data


def _read_wanted(outputs: object, output: Output) -> tuple[str, ...]:
    names = ("value",) if output.kind == "value" else ("label", "score", "probabilities")
    if outputs is None or outputs == []:
        return names
    if not isinstance(outputs, list) or not all(isinstance(item, dict) for item in outputs):
        raise bad_request('"outputs" must be a list of objects with a name')
    wanted = tuple(str(item.get("name")) for item in outputs)
    unknown = set(wanted) - set(names)
    if unknown:
        raise bad_request(f"the model has no output {min(unknown)[:80]!r}; its outputs are {', '.join(names)}")
    return wanted


def encode_tensors(call: Call, given_id: object, wanted: tuple[str, ...], predictions: Predictions) -> bytes:
    output = call.model.signature.output
    answer: dict[str, Any] = {"model_name": call.access.endpoint.name, "model_version": str(call.served.version)}
    if isinstance(given_id, str):
        answer["id"] = given_id
    answer["outputs"] = [_make_tensor(name, output, predictions) for name in wanted]
    return orjson.dumps(answer)


def _make_tensor(name: str, output: Output, predictions: Predictions) -> dict[str, Any]:
    described = _describe_output(name, output)
    data = [prediction[name] for prediction in predictions]
    if name == "probabilities":
        data = [probability for row in data for probability in row.values()]
    return {**described, "shape": [len(predictions), *described["shape"][1:]], "data": data}


# -- health, metadata


def show_ready(endpoint: Endpoint, version: int | None) -> bytes:
    if not endpoint.live:
        raise unavailable(f"the endpoint {endpoint.name!r} is {endpoint.state}: {endpoint.message or 'try again soon'}")
    _find(endpoint, version)
    return orjson.dumps({"name": endpoint.name, "ready": True})


def show_metadata(endpoint: Endpoint, version: int | None) -> bytes:
    signature = _find(endpoint, version).signature
    answer = {
        "name": endpoint.name,
        "versions": [str(served.version) for served in endpoint.live],
        "platform": PLATFORM,
        "inputs": [
            {"name": item.name, "datatype": KINDS.get(item.kind, "BYTES"), "shape": [-1]} for item in signature.inputs
        ],
        "outputs": [_describe_output(name, signature.output) for name in _output_names(signature)],
    }
    return orjson.dumps(answer)


def _output_names(signature: Signature) -> tuple[str, ...]:
    return _read_wanted(None, signature.output)


def _describe_output(name: str, output: Output) -> dict[str, Any]:
    datatype = {"label": "BYTES", "value": "FP64"}.get(name, "FP32")
    return {"name": name, "datatype": datatype, "shape": [-1, len(output.labels)] if name == "probabilities" else [-1]}


def _find(endpoint: Endpoint, version: int | None) -> Served:
    served = endpoint.latest if version is None else endpoint.version(version)
    if served is None:
        raise not_found(f"the endpoint {endpoint.name!r} serves no version {version}")
    return served
