"""The index of what is served. Loading and unloading are the platform's: it publishes, the predictor follows."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from workers.serving.endpoints import Endpoint
from workers.serving.problems import Problem

NOT_OFFERED = (
    "trace settings, log settings and shared memory are not offered; "
    "the operator sets what is logged, and tensors come in the request"
)
STATES = {"AVAILABLE": "READY", "LOADING": "LOADING", "END": "UNAVAILABLE"}


def list_models(endpoints: Iterable[Endpoint], *, ready: bool) -> list[dict[str, Any]]:
    """Return a line for each version of each endpoint; only those that answer where `ready`."""
    lines = [
        {
            "name": endpoint.name,
            "version": str(version),
            "state": STATES.get(state, "UNKNOWN"),
            "reason": endpoint.faults.get(version, ""),
        }
        for endpoint in endpoints
        for version, state in sorted(endpoint.version_states().items())
    ]
    return [line for line in lines if line["state"] == "READY"] if ready else lines


def refuse_control(verb: str) -> Problem:
    message = f"a model cannot be {verb}ed here; publish it, or withdraw it, on the platform"
    return Problem(HTTPStatus.NOT_IMPLEMENTED, message)


def refuse_setting() -> Problem:
    """Triton's tracing, log settings and shared memory are refused in words, not passed off as a mistyped path."""
    return Problem(HTTPStatus.NOT_IMPLEMENTED, NOT_OFFERED)
