"""The calls of TensorFlow Serving's REST API."""

from modelyard.contracts.signature import Signature
from workers.serving.protocols.openapi.answers import ALWAYS, JSON, PREDICTING, answer, content, parameters, refusals
from workers.serving.protocols.openapi.explaining import describe_explanations
from workers.serving.protocols.openapi.values import (
    ENCODED,
    Schema,
    example_of,
    refer,
    takes_images,
)

STATUS: Schema = {
    "type": "object",
    "required": ["model_version_status"],
    "properties": {
        "model_version_status": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["version", "state", "status"],
                "properties": {
                    "version": {"type": "string"},
                    "state": {"enum": ["AVAILABLE", "LOADING", "END"]},
                    "status": {
                        "type": "object",
                        "required": ["error_code", "error_message"],
                        "properties": {"error_code": {"type": "string"}, "error_message": {"type": "string"}},
                    },
                },
            },
        },
        "name": {"type": "string"},
        "ready": {"type": "boolean"},
    },
}
METADATA: Schema = {
    "type": "object",
    "required": ["model_spec", "metadata"],
    "properties": {"model_spec": {"type": "object"}, "metadata": {"type": "object"}},
}
TAG = "TensorFlow Serving, KServe"


def describe_paths(base: str, signature: Signature) -> Schema:
    """The calls below `base`, such as `/v1/models/churn`."""
    paths: Schema = {f"{base}:predict": {"post": _predict(signature)}}
    verb = {"label": "classify", "value": "regress"}.get(signature.output.kind)
    if verb is not None and not takes_images(signature):
        paths[f"{base}:{verb}"] = {"post": _examples(signature, verb)}
    if signature.output.kind != "forecast":
        paths[f"{base}:explain"] = {"post": describe_explanations(signature, rows_schema(signature), TAG)}
    paths[base] = {"get": look("status", "The state of the versions", STATUS, TAG)}
    paths[f"{base}/metadata"] = {"get": look("metadata", "The signature in TensorFlow's words", METADATA, TAG)}
    return paths


def look(name: str, summary: str, schema: Schema, tag: str) -> Schema:
    """An operation that only tells something."""
    return {
        "operationId": name,
        "summary": summary,
        "tags": [tag],
        "parameters": parameters("RequestId"),
        "responses": {"200": answer(summary + ".", content(schema)), **refusals(ALWAYS, "Error")},
    }


def _predict(signature: Signature) -> Schema:
    predictions: Schema = {"type": "array", "items": refer("Prediction")}
    in_rows = {"type": "object", "required": ["predictions"], "properties": {"predictions": predictions}}
    in_columns = {"type": "object", "required": ["outputs"], "properties": {"outputs": refer("Outputs")}}
    good = answer("Predictions, in the form of the request.", content({"anyOf": [in_rows, in_columns]}), "Version")
    return {
        "operationId": "predict",
        "summary": "Predict rows or columns" if not takes_images(signature) else "Predict images",
        "description": (
            "Rows as `instances` or columns as `inputs`. More is taken than this document promises: numbers and dates "
            "as texts, `NaN` for a missing number, compressed bodies (Content-Encoding gzip or deflate)."
        ),
        "tags": [TAG],
        "parameters": parameters("RequestId", "Patience", "Session"),
        "requestBody": {"required": True, "content": {**_json_bodies(signature), **image_bodies(signature)}},
        "responses": {"200": good, **refusals(PREDICTING, "Error")},
    }


def _json_bodies(signature: Signature) -> Schema:
    row = example_of(signature)
    rows = {
        "type": "object",
        "title": "Rows",
        "required": ["instances"],
        "properties": {"instances": rows_schema(signature), "parameters": parameters_schema(signature)},
        "not": {"required": ["inputs"]},
    }
    columns = {
        "type": "object",
        "title": "Columns",
        "required": ["inputs"],
        "properties": {"inputs": refer("Columns"), "parameters": parameters_schema(signature)},
        "not": {"required": ["instances"]},
    }
    examples = {
        "rows": {"summary": "Rows", "value": {"instances": [row]}},
        "columns": {"summary": "Columns", "value": {"inputs": {name: [value] for name, value in row.items()}}},
    }
    return {JSON: {"schema": {"anyOf": [rows, columns]}, "examples": examples}}


def parameters_schema(signature: Signature) -> Schema:
    """An interval can be asked for where the model gives intervals."""
    levels = list(signature.output.levels)
    words = "Adds `low` and `high` to every value: between them lies this share of true values."
    interval: Schema = {"enum": levels, "description": words} if levels else {"type": "null"}
    return {"type": "object", "properties": {"interval": interval}}


def rows_schema(signature: Signature) -> Schema:
    """A list of rows: all by name, or, for columns, all as lists."""
    named: Schema = {"type": "array", "minItems": 1, "items": refer("Row")}
    if takes_images(signature):
        bare = {"type": "array", "minItems": 1, "items": {"anyOf": [refer("Image"), ENCODED]}}
        return {"anyOf": [named, bare]}
    return {"anyOf": [named, {"type": "array", "minItems": 1, "items": refer("Values")}]}


def image_bodies(signature: Signature) -> Schema:
    """Images as they are: one as the body, several as the files of a form."""
    if not takes_images(signature):
        return {}
    binary: Schema = {"type": "string", "format": "binary"}
    name = signature.inputs[0].name
    form = {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "array", "minItems": 1, "items": binary}},
        "additionalProperties": False,
    }
    return {
        "image/png": {"schema": binary},
        "image/jpeg": {"schema": binary},
        "multipart/form-data": {"schema": form, "encoding": {name: {"contentType": "image/png, image/jpeg"}}},
    }


def _examples(signature: Signature, verb: str) -> Schema:
    pair = {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 2, "maxItems": 2}
    result: Schema = {"type": "array", "items": pair} if verb == "classify" else {"type": "number"}
    body = {
        "type": "object",
        "required": ["examples"],
        "properties": {"examples": {"type": "array", "minItems": 1, "items": refer("Row")}},
    }
    results = {
        "type": "object",
        "required": ["results"],
        "properties": {"results": {"type": "array", "items": result}},
    }
    told = "labels with their probabilities" if verb == "classify" else "numbers"
    return {
        "operationId": verb,
        "summary": f"Predict {told}, without names",
        "tags": [TAG],
        "parameters": parameters("RequestId", "Patience", "Session"),
        "requestBody": {"required": True, "content": content(body, {"examples": [example_of(signature)]})},
        "responses": {
            "200": answer(f"For each example {told}.", content(results), "Version"),
            **refusals(PREDICTING, "Error"),
        },
    }
