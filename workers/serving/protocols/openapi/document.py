"""The document of one endpoint, or of one of its versions, composed once for each version that is served."""

from urllib.parse import quote

import orjson

from modelyard import __version__
from modelyard.contracts.signature import Signature
from workers.serving.endpoints import Endpoint
from workers.serving.protocols.openapi import invocations, tensorflow, tensors
from workers.serving.protocols.openapi.answers import (
    ALWAYS,
    ERROR,
    HEADERS,
    INVOCATION_ERROR,
    PARAMETERS,
    SECURITY_SCHEMES,
    answer,
    content,
    parameters,
    refusal_components,
    refusals,
)
from workers.serving.protocols.openapi.values import (
    IMAGE,
    Schema,
    columns_schema,
    outputs_schema,
    prediction_schema,
    row_schema,
    takes_images,
    values_schema,
)
from workers.serving.protocols.tensorflow_status import find_served

NAME = "openapi.json"


def show_document(endpoint: Endpoint, version: int | None, label: str | None) -> bytes:
    """The calls of the endpoint as it answers now; with a version or a label, those of that one."""
    served = find_served(endpoint, version, label)
    asked = label if label is not None else str(version or "")
    place = f"/labels/{quote(asked)}" if label is not None else f"/versions/{asked}" if asked else ""
    found = served.documents.get(place)
    if found is None:
        document = compose_document(endpoint.name, served.version, served.signature, place, asked)
        found = served.documents[place] = orjson.dumps(document)
    return found


def compose_document(name: str, version: int, signature: Signature, place: str = "", asked: str = "") -> Schema:
    """Describe `name` as `version` answers it; `place` stands behind the name in paths for the version `asked`."""
    base = f"/v1/models/{quote(name)}{place}"
    opened = f"/v2/models/{quote(name)}" + (f"/versions/{quote(asked)}" if asked else "")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": str(version),
            "summary": f"Predictions of {signature.output.name}: {signature.task}.",
            "description": f"Served by Modelyard {__version__}. Every protocol asks the same model.",
        },
        "servers": [{"url": "/"}],
        "security": [{scheme: []} for scheme in SECURITY_SCHEMES],
        "paths": {
            **tensorflow.describe_paths(base, signature),
            **tensors.describe_paths(opened, signature),
            **invocations.describe_paths(f"/endpoints/{quote(name)}/invocations", signature, asked),
            f"{base}/{NAME}": {"get": _describe_itself()},
        },
        "components": {
            "securitySchemes": SECURITY_SCHEMES,
            "schemas": _schemas(signature),
            "headers": HEADERS,
            "parameters": PARAMETERS,
            "responses": refusal_components(),
        },
    }


def _schemas(signature: Signature) -> Schema:
    schemas = {
        "Row": row_schema(signature),
        "Columns": columns_schema(signature),
        "Prediction": prediction_schema(signature),
        "Outputs": outputs_schema(signature),
        "Error": ERROR,
        "InvocationError": INVOCATION_ERROR,
    }
    return schemas | ({"Image": IMAGE} if takes_images(signature) else {"Values": values_schema(signature)})


def _describe_itself() -> Schema:
    return {
        "operationId": "openapi",
        "summary": "This document",
        "tags": [tensorflow.TAG],
        "parameters": parameters("RequestId"),
        "responses": {
            "200": answer("This document.", content({"type": "object", "required": ["openapi"]}), "ETag"),
            "304": {"description": "The document that If-None-Match names is still right."},
            **refusals(ALWAYS, "Error"),
        },
    }
