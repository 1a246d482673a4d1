"""What the protocol tells of the server and of a model: plain values, for JSON and for messages of gRPC alike."""

from typing import Any

from modelyard import __version__
from modelyard.contracts.signature import Input
from workers.serving.endpoints import Endpoint, Served
from workers.serving.problems import not_found, unavailable
from workers.serving.protocols.open_inference.datatypes import BYTES, KINDS
from workers.serving.protocols.open_inference.outputs import describe_output

PLATFORM = "modelyard_onnxruntime"
BACKEND = "onnxruntime"
EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics")


def describe_server() -> dict[str, Any]:
    return {"name": "modelyard", "version": __version__, "extensions": list(EXTENSIONS)}


def describe_model(endpoint: Endpoint, version: str | None) -> dict[str, Any]:
    signature = find_served(endpoint, version).signature
    return {
        "name": endpoint.name,
        "versions": [str(served.version) for served in endpoint.live],
        "platform": PLATFORM,
        "inputs": [_describe_input(item) for item in signature.inputs],
        "outputs": [describe_output(part) for part in signature.output.parts],
    }


def _describe_input(item: Input) -> dict[str, Any]:
    return {"name": item.name, "datatype": KINDS.get(item.kind, BYTES), "shape": [-1]}


def describe_config(endpoint: Endpoint, version: str | None) -> dict[str, Any]:
    """The configuration as Triton words it. A `max_batch_size` of 0 says that the shapes name the axis of rows."""
    model = describe_model(endpoint, version)
    return {
        "name": endpoint.name,
        "platform": PLATFORM,
        "backend": BACKEND,
        "max_batch_size": 0,
        "input": [_configure(item) for item in model["inputs"]],
        "output": [_configure(item) for item in model["outputs"]],
    }


def _configure(item: dict[str, Any]) -> dict[str, Any]:
    datatype = "STRING" if item["datatype"] == BYTES else item["datatype"]
    return {"name": item["name"], "data_type": f"TYPE_{datatype}", "dims": item["shape"]}


def check_ready(endpoint: Endpoint, version: str | None) -> None:
    """Raise a 503 or a 404 for what does not answer."""
    if not endpoint.live:
        raise unavailable(f"the endpoint {endpoint.name!r} is {endpoint.state}: {endpoint.message or 'try again soon'}")
    find_served(endpoint, version)


def find_served(endpoint: Endpoint, version: str | None) -> Served:
    """Return the version of a number or of a label, the latest where none is named."""
    if not version:
        served = endpoint.latest
    elif is_number(version):
        served = endpoint.version(int(version))
    else:
        served = endpoint.label(version)
    if served is None:
        said = f"version {version[:80]}" if version else "version yet"
        raise not_found(f"the endpoint {endpoint.name!r} serves no {said}")
    return served


def is_number(version: str) -> bool:
    return version.isascii() and version.isdigit() and len(version) < 10
