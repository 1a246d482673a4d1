"""The call that explains predictions."""

from modelyard.contracts.route import EXPLANATION_COST
from modelyard.contracts.signature import Signature
from workers.serving.explaining.asking import MOST_ROWS
from workers.serving.protocols.openapi.answers import EXPLAINING, answer, content, parameters, refusals
from workers.serving.protocols.openapi.values import Schema, example_of, refer, takes_images

NUMBER: Schema = {"type": "number"}
GRID: Schema = {"type": "array", "items": {"type": "array", "items": NUMBER}}


def describe_explanations(signature: Signature, instances: Schema, tag: str) -> Schema:
    """The operation; `instances` are those of a prediction."""
    rows = {"type": "array", "items": refer("Prediction")}
    explanations = {"type": "array", "items": _explanation_schema(signature)}
    schema = {
        "type": "object",
        "required": ["predictions", "explanations"],
        "properties": {"predictions": rows, "explanations": explanations},
    }
    labels = signature.output.labels if signature.output.kind == "label" else ()
    label: Schema = {"enum": list(labels), "description": "What to explain, if not the predicted label."}
    body = {
        "type": "object",
        "required": ["instances"],
        "properties": {
            "instances": {"allOf": [instances, {"maxItems": MOST_ROWS}]},
            "parameters": {"type": "object", "properties": {"label": label if labels else {"type": "null"}}},
        },
        "not": {"required": ["inputs"]},
    }
    return {
        "operationId": "explain",
        "summary": "Predict, and tell what spoke for and against each answer",
        "description": (
            "Shapley values: `base`, the usual answer, plus all contributions is `prediction`. "
            f"At most {MOST_ROWS} rows a call, in any form that predictions take; each counts as {EXPLANATION_COST} "
            "predictions."
        ),
        "tags": [tag],
        "parameters": parameters("RequestId", "Patience", "Session"),
        "requestBody": {"required": True, "content": content(body, {"instances": [example_of(signature)]})},
        "responses": {
            "200": answer("For each row its prediction and explanation.", content(schema), "Version"),
            **refusals(EXPLAINING, "Error"),
        },
    }


def _explanation_schema(signature: Signature) -> Schema:
    known: Schema = {"base": NUMBER, "prediction": NUMBER}
    if signature.output.kind == "label":
        known["label"] = {"enum": list(signature.output.labels)}
    if takes_images(signature):
        grid = {"contributions": GRID, "standard_errors": GRID}
        known["grid"] = {"type": "object", "required": list(grid), "properties": grid}
    else:
        known["contributions"] = {"type": "array", "items": _contribution_schema(signature)}
    return {"type": "object", "required": list(known), "properties": known}


def _contribution_schema(signature: Signature) -> Schema:
    """A piece of a text is told by its place in it, counted in characters."""
    place: Schema = {"type": "integer", "minimum": 0}
    known: Schema = {
        "column": {"enum": [item.name for item in signature.inputs]},
        "contribution": NUMBER,
        "standard_error": {"type": "number", "minimum": 0},
    }
    pieces: Schema = {"start": place, "end": place, "text": {"type": "string"}}
    return {"type": "object", "required": list(known), "properties": {**known, **pieces}}
