"""The call of MLflow's and SageMaker's clients."""

import csv
import io
import json
from typing import Any

from modelyard.contracts.signature import Signature
from workers.serving.protocols.openapi.answers import JSON, PREDICTING, answer, content, parameters, refusals
from workers.serving.protocols.openapi.tensorflow import image_bodies, parameters_schema, rows_schema
from workers.serving.protocols.openapi.values import Schema, example_of, refer, takes_images

TAG = "MLflow, SageMaker"
TEXT: Schema = {"type": "string"}
PARQUET = "application/vnd.apache.parquet"
VARIANT = "X-Amzn-SageMaker-Target-Variant"


def describe_paths(path: str, signature: Signature, variant: str) -> Schema:
    """The call at `path`; `variant` is the version or label that it is to name, if any."""
    return {path: {"post": _invoke(signature, variant)}}


def _invoke(signature: Signature, variant: str) -> Schema:
    predictions = {"type": "array", "items": refer("Prediction")}
    schema = {"type": "object", "required": ["predictions"], "properties": {"predictions": predictions}}
    contents = {
        **content(schema),
        "application/jsonlines": {"schema": TEXT},
        "text/csv": {"schema": TEXT},
        "application/x-npy": {"schema": {"type": "string", "format": "binary"}},
    }
    told = parameters("RequestId", "Patience", "Session")
    if variant:
        chosen = {"name": VARIANT, "in": "header", "required": True, "schema": {"const": variant}}
        told.append({**chosen, "description": "The version or the label that is to answer.", "example": variant})
    return {
        "operationId": "invoke",
        "summary": "Predict what clients of MLflow and SageMaker send",
        "description": "The content type says what the body is, Accept what the answer is to be.",
        "tags": [TAG],
        "parameters": told,
        "requestBody": {"required": True, "content": {**_bodies(signature), **image_bodies(signature)}},
        "responses": {
            "200": answer("Predictions as Accept asks for them.", contents, "Version"),
            **refusals((*PREDICTING, 406), "InvocationError"),
        },
    }


def _bodies(signature: Signature) -> Schema:
    row = example_of(signature)
    forms: dict[str, Schema] = {"dataframe_records": {"type": "array", "minItems": 1, "items": refer("Row")}}
    examples: dict[str, Any] = {"records": {"dataframe_records": [row]}}
    if not takes_images(signature):
        forms |= {"dataframe_split": _split_schema(signature), "inputs": refer("Columns")}
        examples |= {
            "split": {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
            "columns": {"inputs": {name: [value] for name, value in row.items()}},
        }
    forms["instances"] = rows_schema(signature)
    examples["rows"] = {"instances": [row]}
    bodies: Schema = {
        JSON: {
            "schema": {"anyOf": [_form(name, forms, parameters_schema(signature)) for name in forms]},
            "examples": {name: {"value": value} for name, value in examples.items()},
        },
        "application/jsonlines": {"schema": TEXT, "example": json.dumps(row) + "\n"},
        PARQUET: {"schema": {"type": "string", "format": "binary", "description": "Columns named as the inputs."}},
    }
    if not takes_images(signature):
        bodies["text/csv"] = {"schema": TEXT, "example": _write_csv(row)}
        bodies["application/x-npy"] = {"schema": {"type": "string", "format": "binary"}}
    return bodies


def _form(name: str, forms: dict[str, Schema], params: Schema) -> Schema:
    others = [{"required": [other]} for other in forms if other != name]
    return {
        "type": "object",
        "title": name,
        "required": [name],
        "properties": {name: forms[name], "params": params},
        "not": {"anyOf": others},
    }


def _split_schema(signature: Signature) -> Schema:
    return {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"const": [item.name for item in signature.inputs]},
            "data": {"type": "array", "minItems": 1, "items": refer("Values")},
        },
        "additionalProperties": False,
    }


def _write_csv(row: dict[str, Any]) -> str:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(row)
    writer.writerow(row.values())
    return buffer.getvalue()
