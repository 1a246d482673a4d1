"""Schemas of what goes in and comes out: columns, rows, tensors, predictions.

A schema promises what is surely accepted. More is taken than is promised: numbers as texts, dates in other writings.
"""

import math
from typing import Any

from modelyard.contracts.examples import example_row
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.values import parse_flag
from workers.serving.protocols.open_inference.datatypes import BYTES, KINDS
from workers.serving.protocols.open_inference.outputs import describe_output

Schema = dict[str, Any]

MOST_KNOWN = 20
TYPES: dict[str, Schema] = {
    "number": {"type": ["number", "null"]},
    "flag": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"], "format": "date"},
    "category": {"type": ["string", "null"]},
    "text": {"type": ["string", "null"]},
    "count": {"type": ["integer", "null"]},
    "history": {"type": ["array", "null"], "items": {"type": ["object", "number", "null"]}},
}
TENSOR_TYPES: dict[str, Schema] = {**TYPES, "history": {"type": ["string", "null"]}}
"""In a tensor a history is the text of its JSON."""
ENCODED: Schema = {"type": "string", "format": "byte", "contentEncoding": "base64", "contentMediaType": "image/*"}
IMAGE: Schema = {
    "type": "object",
    "description": "An encoded image (PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF), its bytes in base64.",
    "required": ["b64"],
    "additionalProperties": False,
    "properties": {"b64": ENCODED},
}
BLACK_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
"""The smallest PNG, so that examples of images work."""


def refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def takes_images(signature: Signature) -> bool:
    return any(item.kind == "image" for item in signature.inputs)


def example_of(signature: Signature) -> dict[str, Any]:
    """A row that the model takes."""
    if takes_images(signature):
        return {item.name: {"b64": BLACK_DOT} for item in signature.inputs}
    row, flags = example_row(signature), {item.name for item in signature.inputs if item.kind == "flag"}
    return {name: _read_flag(value) if name in flags else value for name, value in row.items()}


def _read_flag(value: object) -> bool | None:
    """An example may be a word of the training data."""
    number = parse_flag(value)
    return None if math.isnan(number) else number == 1


def schema_of(item: Input) -> Schema:
    """What one value of an input may be. A category may be one that training never saw, so its values are examples."""
    if item.kind == "image":
        return refer("Image")
    schema: Schema = {**TYPES[item.kind], "description": _describe(item)}
    if item.kind == "count" and item.minimum is not None and item.maximum is not None:
        schema |= {"minimum": int(item.minimum), "maximum": int(item.maximum)}
    if item.values:
        schema["examples"] = list(item.values[:MOST_KNOWN])
    elif item.example is not None:
        schema["examples"] = [_read_flag(item.example) if item.kind == "flag" else item.example]
    return schema


def _describe(item: Input) -> str:
    if item.kind == "history":
        return "Objects with a moment and a value each, or bare values that follow each other; null where none come."
    words = [f"A {item.kind}; null where it is not known."]
    if item.minimum is not None and item.maximum is not None and item.kind == "number":
        words.append(f"Training saw {item.minimum:g} to {item.maximum:g}; other numbers are taken too.")
    if item.values:
        words.append(f"Training saw {len(item.values)} values; any other counts as unseen.")
    return " ".join(words)


def required_names(signature: Signature) -> list[str]:
    """The columns that must be there, though their values may be null; and images, which may not."""
    return [item.name for item in signature.inputs if not item.optional or item.kind == "image"]


def row_schema(signature: Signature) -> Schema:
    return {
        "type": "object",
        "description": "One value for each input, by name.",
        "required": required_names(signature),
        "properties": {item.name: schema_of(item) for item in signature.inputs},
        "additionalProperties": False,
    }


def values_schema(signature: Signature) -> Schema:
    """A row as a list."""
    count = len(signature.inputs)
    return {
        "type": "array",
        "description": f"One value for each input, in this order: {', '.join(item.name for item in signature.inputs)}.",
        "prefixItems": [schema_of(item) for item in signature.inputs],
        "minItems": count,
        "maxItems": count,
    }


def columns_schema(signature: Signature) -> Schema:
    return {
        "type": "object",
        "description": "A list of values for each input, by name; all lists are of equal length.",
        "required": required_names(signature),
        "minProperties": 1,
        "properties": {
            item.name: {"type": "array", "minItems": 1, "items": schema_of(item)} for item in signature.inputs
        },
        "additionalProperties": False,
    }


def prediction_schema(signature: Signature) -> Schema:
    """One prediction."""
    parts = _part_schemas(signature.output)
    return {"type": "object", "required": list(parts), "properties": parts}


def _part_schemas(output: Output) -> dict[str, Schema]:
    """The parts of a prediction, by name."""
    match output.kind:
        case "value":
            return {"value": {"type": "number", "description": f"The predicted {output.name}."}}
        case "label":
            return {
                "label": {"enum": list(output.labels), "description": f"The likeliest {output.name}."},
                "score": {**PROBABILITY, "description": "The probability of the label."},
                "probabilities": _probabilities_schema(output),
            }
        case "anomaly":
            return {
                "label": {"enum": list(output.labels), "description": "Whether the score is above the threshold."},
                "score": {"type": "number", "minimum": 0, "description": "How strange the row is; 1 is usual."},
                "percentile": {**PROBABILITY, "description": "The share of the training rows that are less strange."},
                "reason": {"type": "string", "description": "The column that makes the row strange."},
            }
        case "forecast":
            steps: Schema = {"type": "array", "items": {"type": "number"}, "minItems": 1}
            return {
                "values": {**steps, "description": f"The median {output.name} of every step."},
                "timestamps": {
                    "type": "array",
                    "items": {"type": ["string", "number"]},
                    "description": "The moments of the steps, written as the data writes them.",
                },
                "quantiles": {
                    "type": "object",
                    "required": list(output.labels),
                    "properties": dict.fromkeys(output.labels, steps),
                    "additionalProperties": False,
                    "description": "For every level the values below which the truth lies with that probability.",
                },
            }


def _probabilities_schema(output: Output) -> Schema:
    return {
        "type": "object",
        "required": list(output.labels),
        "properties": dict.fromkeys(output.labels, PROBABILITY),
        "additionalProperties": False,
    }


PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1.0001}
"""Written in single precision a certainty may be a hair above 1."""


def outputs_schema(signature: Signature) -> Schema:
    """Predictions in column form."""
    parts = _part_schemas(signature.output)
    return {
        "type": "object",
        "required": list(parts),
        "properties": {name: {"type": "array", "items": schema} for name, schema in parts.items()},
    }


# -- tensors of the Open Inference Protocol


def tensor_schema(item: Input) -> Schema:
    """One input as a tensor of shape [rows]."""
    value = ENCODED if item.kind == "image" else {**TENSOR_TYPES[item.kind]}
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": item.name},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 1},
            "datatype": {"const": KINDS.get(item.kind, BYTES)},
            "data": {"type": "array", "items": value, "minItems": 1},
        },
    }


def example_tensors(signature: Signature) -> list[dict[str, Any]]:
    row = example_of(signature)
    return [
        {
            "name": item.name,
            "shape": [1],
            "datatype": KINDS.get(item.kind, BYTES),
            "data": [BLACK_DOT if item.kind == "image" else row.get(item.name)],
        }
        for item in signature.inputs
    ]


def output_tensors_schema(signature: Signature) -> Schema:
    described = [describe_output(part) for part in signature.output.parts]
    one = {
        "type": "object",
        "required": ["name", "datatype", "shape", "data"],
        "properties": {
            "name": {"enum": [item["name"] for item in described]},
            "datatype": {"enum": sorted({item["datatype"] for item in described})},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}},
            "data": {"type": "array", "items": {"type": ["number", "string"]}},
        },
    }
    return {"type": "array", "items": one, "minItems": 1}
