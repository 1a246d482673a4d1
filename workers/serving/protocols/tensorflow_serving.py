"""TensorFlow Serving's REST API, version 1, and the list of models that KServe adds.

Where TensorFlow Serving's prose and code differ, this follows the code. What a prediction looks like is Modelyard's
own: an object with the names of the outputs (see docs/prediction.md).
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import orjson

from modelyard.contracts.signature import Signature
from workers.serving.call import Call
from workers.serving.endpoints import Endpoint, Served
from workers.serving.http.exchange import Exchange
from workers.serving.models.loaded import LoadedModel, Predictions
from workers.serving.models.rows import read_columns, read_rows
from workers.serving.problems import Problem, bad_request, not_found
from workers.serving.protocols.family import Look, Operation, Overview, Prediction
from workers.serving.protocols.image_bodies import IMAGE_TYPES, read_images
from workers.serving.protocols.json_body import read_json_object

PATH = re.compile(
    r"/v1/models(?:/(?P<name>[^/:]+)(?:/versions/(?P<version>\d{1,9})|/labels/(?P<label>[^/:]+))?"
    r"(?::(?P<verb>[a-z]+)|(?P<metadata>/metadata))?)?/?",
    re.IGNORECASE,
)
SIGNATURE_NAME = "serving_default"
DTYPES = {"number": "DT_DOUBLE", "flag": "DT_STRING"}


class TensorFlowServing:
    """`/v1/models/…`"""

    def owns(self, path: str) -> bool:
        return path.lower().startswith("/v1/")

    def parse(self, method: bytes, path: str) -> Operation:
        found = PATH.fullmatch(path)
        if found is None:
            raise bad_request(f"Malformed request: {method.decode()} {path:.200}")
        verb, name = (found["verb"] or "").lower(), unquote(found["name"] or "")
        version = int(found["version"]) if found["version"] else None
        label = unquote(found["label"]) if found["label"] else None
        if verb == "explain":
            raise Problem(HTTPStatus.NOT_IMPLEMENTED, "this predictor gives no explanations")
        if method == b"POST" and verb in READERS:
            return Prediction(endpoint=name, read=READERS[verb], version=version, label=label)
        if method not in (b"GET", b"HEAD") or verb:
            raise bad_request(f"Malformed request: {method.decode()} {path:.200}")
        if not name:
            return Overview(show=show_list)
        show = show_metadata if found["metadata"] else show_status
        return Look(endpoint=name, show=lambda endpoint: show(endpoint, version, label))

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})


# -- predict, classify, regress


def read_predict(call: Call) -> None:
    """`instances` (row form) or `inputs` (column form); or one or several images as they are."""
    content_type = call.exchange.headers.get(b"content-type", b"")
    if content_type.startswith(IMAGE_TYPES):
        call.rows, call.encode = read_images(call, content_type), encode_rows
        call.count, call.where = len(call.rows), "image %d"
        return
    body = read_json_object(call.exchange.body, '"instances" (a list of rows) or "inputs" (columns by name)')
    _check_signature_name(body)
    instances = body.get("instances")
    if ("inputs" in body) == (instances is not None):
        raise bad_request(
            'the body must have exactly one of "instances" (a list of rows) and "inputs" (columns by name)'
        )
    model = call.model
    if instances is None:
        _read_column_form(call, model, body["inputs"])
        return
    if type(instances) is not list or not instances:
        raise bad_request('"instances" must be a list of at least one row')
    call.where = "instances[%d]"
    call.rows, call.encode = read_rows(model, instances), encode_rows
    call.count = len(instances)


def _read_column_form(call: Call, model: LoadedModel, inputs: object) -> None:
    call.where, call.encode = "inputs, row %d", encode_columns
    if not isinstance(inputs, dict) or (model.takes_images and set(inputs) == {"b64"}):
        if model.sole_input is None:
            raise bad_request(f'"inputs" must be an object of column name to values: {", ".join(sorted(model.names))}')
        inputs = {model.sole_input.name: inputs}
    call.columns, call.count = read_columns(model, inputs)
    if model.takes_images and model.sole_input is not None:
        call.rows = read_rows(model, call.columns.get(model.sole_input.name, []))
        call.columns = None


def read_classify(call: Call) -> None:
    if call.model.signature.output.kind != "label":
        raise bad_request("this model gives a value, not a class; use :regress or :predict")
    _read_examples(call)
    call.encode = encode_classes


def read_regress(call: Call) -> None:
    if call.model.signature.output.kind != "value":
        raise bad_request("this model gives a class, not a value; use :classify or :predict")
    _read_examples(call)
    call.encode = encode_values


def _read_examples(call: Call) -> None:
    body = read_json_object(call.exchange.body, '"examples" (a list of rows)')
    _check_signature_name(body)
    examples, context = body.get("examples"), body.get("context") or {}
    if not isinstance(examples, list) or not examples:
        raise bad_request('"examples" must be a list of at least one row')
    if not isinstance(context, dict):
        raise bad_request('"context" must be an object of column name to value')
    if context:
        examples = [_with_context(context, example, index) for index, example in enumerate(examples)]
    call.where = "examples[%d]"
    call.rows = read_rows(call.model, examples)
    call.count = len(examples)


def _with_context(context: dict[str, Any], example: object, index: int) -> dict[str, Any]:
    if not isinstance(example, dict):
        raise bad_request(f"examples[{index}]: must be an object of column name to value")
    both = context.keys() & example.keys()
    if both:
        raise bad_request(f"examples[{index}]: column '{min(both)}' is also in the context")
    return {**context, **example}


def _check_signature_name(body: Mapping[str, Any]) -> None:
    name = body.get("signature_name")
    if name not in (None, "", SIGNATURE_NAME):
        raise bad_request(f"Serving signature key {str(name)[:80]!r} not found; the only one is {SIGNATURE_NAME!r}")


def encode_rows(predictions: Predictions) -> bytes:
    return b'{"predictions":%b}' % orjson.dumps(predictions)


def encode_columns(predictions: Predictions) -> bytes:
    outputs = {name: [prediction[name] for prediction in predictions] for name in predictions[0]}
    return orjson.dumps({"outputs": outputs})


def encode_classes(predictions: Predictions) -> bytes:
    return orjson.dumps({"results": [list(prediction["probabilities"].items()) for prediction in predictions]})


def encode_values(predictions: Predictions) -> bytes:
    return orjson.dumps({"results": [prediction["value"] for prediction in predictions]})


READERS: dict[str, Callable[[Call], None]] = {
    "predict": read_predict,
    "classify": read_classify,
    "regress": read_regress,
}


# -- status, metadata, list


def show_list(names: list[str]) -> bytes:
    return orjson.dumps({"models": names})


def show_status(endpoint: Endpoint, version: int | None, label: str | None) -> bytes:
    states = endpoint.version_states()
    if label is not None:
        version = _find(endpoint, None, label).version
    if version is not None:
        if version not in states:
            raise _unknown_version(endpoint.name, version)
        states = {version: states[version]}
    statuses = [
        {"version": str(number), "state": state, "status": _status_of(endpoint, number)}
        for number, state in sorted(states.items(), reverse=True)
    ]
    return orjson.dumps({"model_version_status": statuses})


def _status_of(endpoint: Endpoint, version: int) -> dict[str, str]:
    fault = endpoint.faults.get(version)
    return (
        {"error_code": "OK", "error_message": ""}
        if fault is None
        else {"error_code": "INTERNAL", "error_message": fault}
    )


def show_metadata(endpoint: Endpoint, version: int | None, label: str | None) -> bytes:
    served = _find(endpoint, version, label)
    signature = served.signature
    described = {
        "inputs": {item.name: _describe(item.name, DTYPES.get(item.kind, "DT_STRING")) for item in signature.inputs},
        "outputs": _describe_outputs(signature),
        "method_name": "tensorflow/serving/predict",
    }
    answer = {
        "model_spec": {"name": endpoint.name, "signature_name": "", "version": str(served.version)},
        "metadata": {"signature_def": {"signature_def": {SIGNATURE_NAME: described}}},
    }
    return orjson.dumps(answer)


def _describe_outputs(signature: Signature) -> dict[str, Any]:
    if signature.output.kind == "value":
        return {"value": _describe("value", "DT_DOUBLE")}
    return {
        "label": _describe("label", "DT_STRING"),
        "score": _describe("score", "DT_FLOAT"),
        "probabilities": _describe("probabilities", "DT_FLOAT", len(signature.output.labels)),
    }


def _describe(name: str, dtype: str, *dimensions: int) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in (-1, *dimensions)]
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": False}, "name": f"{SIGNATURE_NAME}_{name}:0"}


def _find(endpoint: Endpoint, version: int | None, label: str | None) -> Served:
    if label is not None:
        served = endpoint.label(label)
        if served is None:
            raise not_found(f"Unrecognized servable version label: {label}")
        return served
    served = endpoint.latest if version is None else endpoint.version(version)
    if served is None:
        raise _unknown_version(endpoint.name, version)
    return served


def _unknown_version(name: str, version: int | None) -> Problem:
    return not_found(f"Servable not found for request: {name_request(name, version)}")


def name_request(name: str, version: int | None) -> str:
    return f"Latest({name})" if version is None else f"Specific({name}, {version})"
