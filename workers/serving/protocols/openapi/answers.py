"""Answers as the document tells them: headers, refusals in the shape of their family, what may stand beside a body."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from workers.serving.protocols.openapi.values import Schema, refer

JSON = "application/json"
REASONS = {
    400: "The body, a row or a value does not fit; the text names the row and the column.",
    401: "No key, or one that is unknown, revoked or expired.",
    403: "The key lacks the scope, or may not use this endpoint.",
    404: "No such endpoint in the workspace of the key, no such version or label.",
    406: "Nothing that Accept names is offered.",
    408: "The request came too slowly.",
    413: "The body is too large, or has too many rows.",
    415: "A content type or a content encoding that is not taken here.",
    417: "Something other than 100-continue is expected.",
    422: "The model computes no finite number for these values.",
    429: "Too many requests a second, or the month's predictions are spent.",
    431: "The head of the request is too large.",
    501: "There is no explanation: the version was trained before they were offered. Train it again.",
    500: "The predictor failed; the operator finds the reason in its log.",
    503: "The queue is full, or no version is loaded.",
    504: "The deadline passed while the call waited.",
}
ALWAYS = (400, 401, 403, 404, 408, 413, 417, 429, 431, 500, 503)
PREDICTING = (*ALWAYS, 415, 422, 504)
EXPLAINING = (*PREDICTING, 501)

HEADERS: Schema = {
    "RequestId": {
        "description": "Yours if you sent a well-formed one, else drawn; quote it when something went wrong.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Version": {
        "description": "The version of the model that answered.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "RateLimitPolicy": {
        "description": "The limits of the workspace, where it has any (draft-ietf-httpapi-ratelimit-headers).",
        "schema": {"type": "string"},
        "example": '"requests";q=50;w=1, "predictions";q=100000;w=2678400',
    },
    "RateLimit": {
        "description": "What is left of them.",
        "schema": {"type": "string"},
        "example": '"requests";r=49;t=1, "predictions";r=99999;t=86400',
    },
    "RetryAfter": {
        "description": "Seconds after which trying again can help.",
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
    "ShouldRetry": {
        "description": "false where trying again does not help for long.",
        "schema": {"type": "string", "enum": ["false"]},
    },
    "ETag": {"description": "Send it as If-None-Match.", "required": True, "schema": {"type": "string"}},
}
NAMES = {
    "RequestId": "x-request-id",
    "Version": "x-modelyard-version",
    "RateLimitPolicy": "RateLimit-Policy",
    "RateLimit": "RateLimit",
    "RetryAfter": "Retry-After",
    "ShouldRetry": "x-should-retry",
    "ETag": "ETag",
}
PARAMETERS: Schema = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "An id of yours for the call; it comes back.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Patience": {
        "name": "X-Request-Timeout-Ms",
        "in": "header",
        "description": "Milliseconds after which nobody waits any more: the call is given up with 504.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 600000},
    },
    "Session": {
        "name": "X-Modelyard-Session",
        "in": "header",
        "description": "Calls of one session get the same version while a release is split.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
}
SECURITY_SCHEMES: Schema = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "mdy_…",
        "description": "An API key with the scope predict.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key, as it is."},
}
ERROR: Schema = {
    "type": "object",
    "description": "What came, what was wanted, how to repair it.",
    "required": ["error"],
    "properties": {"error": {"type": "string"}},
    "additionalProperties": False,
}
INVOCATION_ERROR: Schema = {
    "type": "object",
    "description": "What came, what was wanted, how to repair it; with a word for programs.",
    "required": ["error_code", "message"],
    "properties": {"error_code": {"type": "string"}, "message": {"type": "string"}},
}


def headers(*names: str) -> Schema:
    return {NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


def parameters(*names: str) -> list[Schema]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def content(schema: Schema, example: Any = None, media_type: str = JSON) -> Schema:
    return {media_type: {"schema": schema} if example is None else {"schema": schema, "example": example}}


def answer(description: str, contents: Mapping[str, Any], *names: str) -> Schema:
    """A good answer."""
    told = headers("RequestId", *names, "RateLimitPolicy", "RateLimit")
    return {"description": description, "headers": told, "content": contents}


def refusals(statuses: Sequence[int], family: str) -> Schema:
    """References to the refusals of a family (`Error` or `InvocationError`) by status."""
    return {str(status): {"$ref": f"#/components/responses/{family}{status}"} for status in sorted(statuses)}


def refusal_components() -> Schema:
    """Every refusal of every family, once."""
    return {
        f"{family}{status}": _refusal(status, family)
        for family in ("Error", "InvocationError")
        for status in sorted(REASONS)
    }


def _refusal(status: int, family: str) -> Schema:
    names = ["RequestId", "RateLimitPolicy", "RateLimit"]
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        names += ["RetryAfter", "ShouldRetry"]
    contents = content(refer(family))
    if family == "InvocationError" and status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        contents["text/plain"] = {"schema": {"type": "string"}}
    return {"description": REASONS[status], "headers": headers(*names), "content": contents}
