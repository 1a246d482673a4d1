"""What the reference says in the reader's language. What is not known here is said in the document's own words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

TITLES = {
    "predict": _("Predict"),
    "classify": _("Predict: labels with their probabilities"),
    "regress": _("Predict: numbers only"),
    "status": _("The state of the versions"),
    "metadata": _("The signature, in TensorFlow’s words"),
    "infer": _("Predict tensors"),
    "describeModel": _("The signature, as tensors"),
    "modelReady": _("Whether the endpoint answers"),
    "invoke": _("Predict what clients of MLflow and SageMaker send"),
    "openapi": _("This reference, for programs"),
}
REASONS = {
    "200": _("It went well."),
    "304": _("What If-None-Match names is still right."),
    "400": _("The body, a row or a value does not fit; the text names the row and the column."),
    "401": _("No key, or one that is unknown, revoked or expired."),
    "403": _("The key lacks the scope, or may not use this endpoint."),
    "404": _("No such endpoint, version or label."),
    "406": _("Nothing that Accept names is offered."),
    "408": _("The request came too slowly."),
    "413": _("The body is too large, or has too many rows."),
    "415": _("A content type or encoding that is not taken here."),
    "417": _("Something other than 100-continue is expected."),
    "422": _("The model computes no finite number for these values."),
    "429": _("Too many requests a second, or the month’s predictions are spent."),
    "431": _("The head of the request is too large."),
    "500": _("The predictor failed; the operator finds the reason in its log."),
    "503": _("The queue is full, or no version is loaded."),
    "504": _("The deadline passed while the call waited."),
}
KINDS = {
    "number": _("number"),
    "boolean": _("true or false"),
    "string": _("text"),
    "date": _("date"),
    "image": _("image"),
    "integer": _("whole number"),
    "array": _("list"),
}


def title_of(operation: str, otherwise: str) -> str:
    return str(TITLES.get(operation, otherwise))


def reason_of(status: str, otherwise: str) -> str:
    return str(REASONS.get(status, otherwise))


def kind_of(schema: Mapping[str, Any]) -> str:
    """What a column takes, in a word. What is described elsewhere is an image."""
    if "$ref" in schema:
        return str(KINDS["image"])
    kind = str(schema.get("format") or next(iter(schema.get("type", ("string",)))))
    return str(KINDS.get(kind, kind))
