"""TensorFlow Serving's REST API, version 1, and the list of models that KServe adds.

Where TensorFlow Serving's prose and code differ, this follows the code. What a prediction looks like is Modelyard's
own: an object with the names of the outputs (see docs/prediction.md).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from workers.serving.call import Call, Encode
from workers.serving.endpoints import Endpoint
from workers.serving.explaining.asking import ask_explanation, read_wanted
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import JSON
from workers.serving.models.loaded import LoadedModel, Predictions
from workers.serving.models.rows import check_width, read_columns, read_rows
from workers.serving.problems import Problem, bad_request
from workers.serving.protocols.dense_json import SMALLEST, read_dense_columns, read_dense_named, read_dense_rows
from workers.serving.protocols.encoded_texts import MARK, decode_columns, decode_rows
from workers.serving.protocols.family import Look, Operation, Overview, Prediction
from workers.serving.protocols.image_bodies import is_image_body, take_images
from workers.serving.protocols.intervals import encode_columns_at, encode_rows_at, read_level, read_parameters
from workers.serving.protocols.json_body import read_json_object
from workers.serving.protocols.openapi import show_document
from workers.serving.protocols.tensorflow_status import SIGNATURE_NAME, show_list, show_metadata, show_status

PARAMETERS = b'"parameters"'
PATH = re.compile(
    r"/v1/models(?:/(?P<name>[^/:]+)(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?::(?P<verb>[a-z]+)|(?P<about>/metadata|/openapi\.json))?)?/?",
    re.IGNORECASE,
)


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
        if method == b"POST" and verb in READERS:
            return Prediction(endpoint=name, read=READERS[verb], version=version, label=label)
        if method not in (b"GET", b"HEAD") or verb:
            raise bad_request(f"Malformed request: {method.decode()} {path:.200}")
        if not name:
            return Overview(show=show_list)
        show, tagged = LOOKS[(found["about"] or "").lower()]
        return Look(endpoint=name, show=lambda endpoint: show(endpoint, version, label), tagged=tagged)

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})


# -- predict, classify, regress


def read_predict(call: Call) -> None:
    """`instances` (row form) or `inputs` (column form); or one or several images as they are."""
    content_type = call.exchange.headers.get(b"content-type", b"")
    if content_type == JSON and len(call.body) < SMALLEST and _read_few(call):
        return
    if is_image_body(call, content_type):
        take_images(call, content_type)
        call.encode = encode_rows
        return
    if read_dense(call):
        return
    wanted = '"instances" (a list of rows) or "inputs" (columns by name)'
    body = read_json_object(call.body, wanted, call.check_count)
    _check_signature_name(body)
    instances = body.get("instances")
    if ("inputs" in body) == (instances is not None):
        raise bad_request(
            'the body must have exactly one of "instances" (a list of rows) and "inputs" (columns by name)'
        )
    model = call.model
    level = read_level(model, read_parameters(body))
    if instances is None:
        _read_column_form(call, model, body["inputs"])
        call.encode = encode_columns_at(level) if level else encode_columns
        return
    if type(instances) is not list or not instances:
        raise bad_request('"instances" must be a list of at least one row')
    _check_alike(model, instances)
    call.where = "instances[%d]"
    call.rows = _read_rows(call, instances)
    call.encode = encode_rows_at(level) if level else encode_rows
    call.count = len(instances)


def _read_named(call: Call) -> bool:
    """Read rows of nothing but numbers, each with its name. False for whatever else it is."""
    reader = call.model.named_numbers
    table = None if reader is None else reader.read(call.body)
    if table is None:
        return False
    call.check_count(len(table.matrix))
    call.columns, call.count = table, len(table.matrix)
    call.where, call.encode = FORMS["instances"]
    return True


def _read_few(call: Call) -> bool:
    """Read what nearly all calls are: a few rows of a table and nothing besides. False for whatever else it is."""
    model = call.model
    if model.takes_images or model.sole_input is not None or MARK in call.body:
        return False
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return False
    if type(body) is not dict or len(body) != 1:
        return False
    instances = body.get("instances")
    if type(instances) is not list or not instances:
        return False
    call.where, call.encode = FORMS["instances"]
    call.rows = read_rows(model, instances)
    call.count = len(instances)
    return True


def read_explain(call: Call) -> None:
    """The same bodies as `read_predict` takes; `parameters` may name the label that is to be explained."""
    ask_explanation(call)
    read_predict(call)
    if PARAMETERS in call.body and not is_image_body(call, call.exchange.headers.get(b"content-type", b"")):
        body = read_json_object(call.body, '"instances" (a list of rows)', call.check_count)
        call.explained = read_wanted(call, read_parameters(body))


def _check_alike(model: LoadedModel, instances: list[Any]) -> None:
    """Refuse objects of column name to value beside bare values."""
    if model.sole_input is not None:
        named = sum(isinstance(instance, dict) and instance.keys() != {"b64"} for instance in instances)
        if 0 < named < len(instances):
            raise bad_request('"instances" must be all objects of column name to value, or all bare values')


def _read_rows(call: Call, instances: list[Any]) -> list[Any]:
    rows = read_rows(call.model, instances)
    return decode_rows(call.model.signature, rows) if MARK in call.body and not call.model.takes_images else rows


def read_dense(call: Call) -> bool:
    """Read a body of nothing but numbers the quick way. False where it is none, or none that this model takes so."""
    model = call.model
    if len(call.body) < SMALLEST:
        return False
    if model.takes_images:
        return _read_dense_images(call)
    if _read_named(call):
        return True

    def check(shape: tuple[int, ...]) -> None:
        call.check_count(shape[0])
        if len(shape) == 2:
            check_width(model, shape[1], 0)

    call.where = FORMS["instances"][0]
    dense = read_dense_rows(call.body, check)
    if dense is None:
        columns = read_dense_columns(call.body, check) if MARK not in call.body else None
        if columns is None:
            return False
        call.columns, call.count = read_columns(model, _without_extras(model, columns))
        call.where, call.encode = FORMS["inputs"]
        return True
    form, numbers = dense
    if form != "instances" or numbers.ndim != 2:
        return False
    call.columns, call.count = model.name_numbers(model.order, numbers), len(numbers)
    call.where, call.encode = FORMS[form]
    return call.columns is not None


def _read_dense_images(call: Call) -> bool:
    def check(shape: tuple[int, ...]) -> None:
        call.check_count(shape[0])

    sole, form = call.model.sole_input, "instances"
    named = read_dense_named(call.body, check)
    if named is not None:
        name, pixels = named
        if sole is None or name != sole.name:
            return False
    else:
        dense = read_dense_rows(call.body, check)
        if dense is None:
            return False
        form, pixels = dense
    if sole is None or pixels.ndim < 3:
        return False
    call.rows, call.count = list(pixels), len(pixels)
    call.where, call.encode = FORMS[form]
    return True


def _read_column_form(call: Call, model: LoadedModel, inputs: object) -> None:
    call.where = "inputs, row %d"
    if not isinstance(inputs, dict) or (model.takes_images and set(inputs) == {"b64"}):
        if model.sole_input is None:
            raise bad_request(f'"inputs" must be an object of column name to values: {", ".join(sorted(model.names))}')
        inputs = {model.sole_input.name: inputs}
    call.columns, call.count = read_columns(model, _without_extras(model, inputs))
    if model.takes_images and model.sole_input is not None:
        call.rows = read_rows(model, call.columns.get(model.sole_input.name, []))
        call.columns = None
    elif MARK in call.body:
        call.columns = decode_columns(model.signature, call.columns)


def _without_extras(model: LoadedModel, columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names that are no inputs are ignored here, though only where every input is named: else one may be misspelt."""
    return {name: columns[name] for name in model.names} if columns.keys() > model.names else columns


def read_classify(call: Call) -> None:
    if call.model.signature.output.kind != "label":
        raise bad_request("what this model gives is not a class with probabilities; use :predict")
    _read_examples(call)
    call.encode = encode_classes


def read_regress(call: Call) -> None:
    if call.model.signature.output.kind != "value":
        raise bad_request("what this model gives is not a value; use :predict")
    _read_examples(call)
    call.encode = encode_values


def _read_examples(call: Call) -> None:
    body = read_json_object(call.body, '"examples" (a list of rows)', call.check_count)
    _check_signature_name(body)
    examples, context = body.get("examples"), body.get("context", {})
    if not isinstance(examples, list) or not examples:
        raise bad_request('"examples" must be a list of at least one row')
    if not isinstance(context, dict):
        raise bad_request('"context" must be an object of column name to value')
    examples = [_read_example(context, example, index) for index, example in enumerate(examples)]
    call.where = "examples[%d]"
    call.rows = _read_rows(call, examples)
    call.count = len(examples)


def _read_example(context: dict[str, Any], example: object, index: int) -> dict[str, Any]:
    """A feature of an example may be a list; ours are of one value."""
    if not isinstance(example, dict):
        raise bad_request(f"examples[{index}]: must be an object of column name to value")
    both = context.keys() & example.keys()
    if both:
        raise bad_request(f"examples[{index}]: column '{min(both)}' is also in the context")
    named = {**context, **example}
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in named.items()}


def _check_signature_name(body: Mapping[str, Any]) -> None:
    name = body.get("signature_name")
    if name not in (None, "", SIGNATURE_NAME):
        raise bad_request(f"Serving signature key {str(name)[:80]!r} not found; the only one is {SIGNATURE_NAME!r}")


def encode_rows(predictions: Predictions) -> bytes:
    return b'{"predictions":[%b]}' % predictions.rows_text


def encode_columns(predictions: Predictions) -> bytes:
    return b'{"outputs":%b}' % predictions.columns_text


def encode_classes(predictions: Predictions) -> bytes:
    labels = list(predictions[0]["probabilities"])
    results = [list(zip(labels, row, strict=True)) for row in predictions.arrays["probabilities"]]
    return orjson.dumps({"results": results}, option=orjson.OPT_SERIALIZE_NUMPY)


def encode_values(predictions: Predictions) -> bytes:
    return orjson.dumps({"results": predictions.arrays["value"]}, option=orjson.OPT_SERIALIZE_NUMPY)


FORMS: dict[str, tuple[str, Encode]] = {
    "instances": ("instances[%d]", encode_rows),
    "inputs": ("inputs, row %d", encode_columns),
}
LOOKS: dict[str, tuple[Callable[[Endpoint, int | None, str | None], bytes], bool]] = {
    "": (show_status, False),
    "/metadata": (show_metadata, False),
    "/openapi.json": (show_document, True),
}
READERS: dict[str, Callable[[Call], None]] = {
    "predict": read_predict,
    "classify": read_classify,
    "explain": read_explain,
    "regress": read_regress,
}
