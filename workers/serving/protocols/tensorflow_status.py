"""What TensorFlow Serving tells of a model: the state of its versions, its signature; and KServe's list of models."""

from typing import Any

import orjson

from modelyard.contracts.signature import Signature
from workers.serving.endpoints import Endpoint, Served
from workers.serving.http.exchange import Exchange
from workers.serving.problems import Problem, not_found

SIGNATURE_NAME = "serving_default"
DTYPES = {"number": "DT_DOUBLE", "count": "DT_DOUBLE", "flag": "DT_BOOL"}
PART_DTYPES = {"text": "DT_STRING", "float": "DT_FLOAT", "double": "DT_DOUBLE"}


def show_list(endpoints: list[Endpoint], _: Exchange) -> bytes:
    return orjson.dumps({"models": [endpoint.name for endpoint in endpoints]})


def show_status(endpoint: Endpoint, version: int | None, label: str | None) -> bytes:
    states = endpoint.version_states()
    if label is not None:
        version = find_served(endpoint, None, label).version
    if version is not None:
        if version not in states:
            raise _unknown_version(endpoint.name, version)
        states = {version: states[version]}
    statuses = [
        {"version": str(number), "state": state, "status": _status_of(endpoint, number)}
        for number, state in sorted(states.items(), reverse=True)
    ]
    answer: dict[str, Any] = {"model_version_status": statuses}
    if version is None:
        answer |= {"name": endpoint.name, "ready": bool(endpoint.live)}  # what KServe calls a model's status
    return orjson.dumps(answer)


def _status_of(endpoint: Endpoint, version: int) -> dict[str, str]:
    fault = endpoint.faults.get(version)
    return (
        {"error_code": "OK", "error_message": ""}
        if fault is None
        else {"error_code": "INTERNAL", "error_message": fault}
    )


def show_metadata(endpoint: Endpoint, version: int | None, label: str | None) -> bytes:
    served = find_served(endpoint, version, label)
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
    return {part.name: _describe(part.name, PART_DTYPES[part.type], *part.sizes) for part in signature.output.parts}


def _describe(name: str, dtype: str, *dimensions: int) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in (-1, *dimensions)]
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": False}, "name": f"{SIGNATURE_NAME}_{name}:0"}


def find_served(endpoint: Endpoint, version: int | None, label: str | None) -> Served:
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
