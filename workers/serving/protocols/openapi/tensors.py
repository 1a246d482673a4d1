"""The calls of the Open Inference Protocol, version 2."""

from modelyard.contracts.signature import Signature
from workers.serving.protocols.openapi.answers import PREDICTING, answer, content, parameters, refusals
from workers.serving.protocols.openapi.tensorflow import look
from workers.serving.protocols.openapi.values import Schema, example_tensors, output_tensors_schema, tensor_schema

TAG = "Open Inference Protocol"
METADATA: Schema = {
    "type": "object",
    "required": ["name", "versions", "platform", "inputs", "outputs"],
    "properties": {
        "name": {"type": "string"},
        "versions": {"type": "array", "items": {"type": "string"}},
        "platform": {"type": "string"},
        "inputs": {"type": "array", "items": {"type": "object"}},
        "outputs": {"type": "array", "items": {"type": "object"}},
    },
}
BINARY: Schema = {
    "application/octet-stream": {
        "schema": {
            "type": "string",
            "format": "binary",
            "description": (
                "The JSON of the other form, as many bytes as the header Inference-Header-Content-Length says, whose "
                "tensors have `parameters.binary_data_size` in place of `data`; then their bytes in that order: "
                "little-endian, row-major, each element of BYTES after four bytes of length."
            ),
        }
    }
}
"""Binary tensors, in requests and in answers to who asks for them with `binary_data` or `binary_data_output`."""
READY: Schema = {
    "type": "object",
    "required": ["name", "ready"],
    "properties": {"name": {"type": "string"}, "ready": {"const": True}},
}


def describe_paths(base: str, signature: Signature) -> Schema:
    """The calls below `base`, such as `/v2/models/churn`."""
    return {
        f"{base}/infer": {"post": _infer(signature)},
        base: {"get": look("describeModel", "The signature, as tensors", METADATA, TAG)},
        f"{base}/ready": {"get": look("modelReady", "Whether the endpoint answers", READY, TAG)},
    }


def _infer(signature: Signature) -> Schema:
    tensors = [tensor_schema(item) for item in signature.inputs]
    body = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "prefixItems": tensors, "minItems": len(tensors), "maxItems": len(tensors)},
        },
    }
    answered = {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": output_tensors_schema(signature),
        },
    }
    example = {"inputs": example_tensors(signature)}
    return {
        "operationId": "infer",
        "summary": "Predict tensors",
        "description": (
            "One tensor of shape [rows] for each input, all of equal length, in any order; the shape says how many "
            "values there are. Tensors may also be binary."
        ),
        "tags": [TAG],
        "parameters": parameters("RequestId", "Patience", "Session"),
        "requestBody": {"required": True, "content": {**content(body, example), **BINARY}},
        "responses": {
            "200": answer("The outputs as tensors.", {**content(answered), **BINARY}, "Version"),
            **refusals(PREDICTING, "Error"),
        },
    }
