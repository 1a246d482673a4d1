"""The service's methods as the desk sees them: a family of operations, like those of HTTP.

A call's target is `/METHOD/MODEL/VERSION`, the last two quoted and left out where the message names none.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from workers.serving.call import Call
from workers.serving.endpoints import Endpoint
from workers.serving.grpc.messages import make_message
from workers.serving.grpc.tensors import encode_message, read_message
from workers.serving.http.exchange import Carrier, Exchange
from workers.serving.problems import Problem, not_found
from workers.serving.protocols.family import Look, Operation, Overview, Public
from workers.serving.protocols.open_inference.describing import (
    check_ready,
    describe_config,
    describe_model,
    describe_server,
)
from workers.serving.protocols.open_inference.repository import list_models, refuse_control
from workers.serving.protocols.open_inference.routes import predict
from workers.serving.protocols.open_inference.statistics import list_statistics

CALL = b"POST"


class RpcExchange(Exchange):
    """An exchange whose request is a message. `body` is the message as it came over the wire."""

    __slots__ = ("message",)

    def __init__(
        self, carrier: Carrier, method: str, message: Any, headers: dict[bytes, bytes], body: bytes, started: float
    ) -> None:
        super().__init__(carrier, CALL, _make_target(method, message), headers, body, started)
        self.message = message


def _make_target(method: str, message: Any) -> bytes:
    """The messages call the same thing `name` or `model_name`."""
    name = getattr(message, "model_name", None) or getattr(message, "name", "")
    version = getattr(message, "model_version", None) or getattr(message, "version", "")
    parts = [method, name, version] if version else [method, name] if name else [method]
    return "".join(f"/{quote(part, safe='')}" for part in parts).encode()


class InferenceService:
    """`inference.GRPCInferenceService`"""

    def owns(self, path: str) -> bool:
        return True

    def parse(self, method: bytes, path: str) -> Operation:
        rpc, name, version = ([unquote(part) for part in path.split("/")[1:]] + ["", ""])[:3]
        if rpc in ALONE:
            return ALONE[rpc]
        if rpc in REFUSED:
            raise refuse_control(REFUSED[rpc])
        if rpc == "ModelStatistics" and not name:
            return Overview(show=_show_all_statistics)
        if not name:
            raise not_found("the request names no model")
        if rpc == "ModelInfer":
            return predict(name, version, read_infer)
        show = LOOKS[rpc]
        return Look(endpoint=name, show=lambda endpoint: show(endpoint, version))

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return problem.message.encode()


def read_infer(call: Call) -> None:
    if not isinstance(call.exchange, RpcExchange):
        raise TypeError("a call of gRPC came by another transport")
    message = call.exchange.message
    request = read_message(call, message)
    call.encode = partial(encode_message, call, request, len(message.raw_input_contents) > 0)


def _show_ready(endpoint: Endpoint, version: str) -> bytes:
    check_ready(endpoint, version)
    return make_message("ModelReadyResponse", ready=True)


def _show_statistics(endpoint: Endpoint, version: str) -> bytes:
    return make_message("ModelStatisticsResponse", model_stats=list_statistics([endpoint], version))


def _show_all_statistics(endpoints: list[Endpoint], _: Exchange) -> bytes:
    return make_message("ModelStatisticsResponse", model_stats=list_statistics(endpoints))


def _show_index(endpoints: list[Endpoint], exchange: Exchange) -> bytes:
    ready = isinstance(exchange, RpcExchange) and exchange.message.ready
    return make_message("RepositoryIndexResponse", models=list_models(endpoints, ready=ready))


LOOKS: dict[str, Callable[[Endpoint, str], bytes]] = {
    "ModelReady": _show_ready,
    "ModelMetadata": lambda endpoint, version: make_message(
        "ModelMetadataResponse", **describe_model(endpoint, version)
    ),
    "ModelConfig": lambda endpoint, version: make_message(
        "ModelConfigResponse", config=describe_config(endpoint, version)
    ),
    "ModelStatistics": _show_statistics,
}
ALONE: dict[str, Operation] = {
    "ServerLive": Public(show=lambda _: make_message("ServerLiveResponse", live=True)),
    "ServerReady": Public(show=lambda _: make_message("ServerReadyResponse", ready=True), heeds_readiness=True),
    "ServerMetadata": Public(show=lambda _: make_message("ServerMetadataResponse", **describe_server())),
    "RepositoryIndex": Overview(show=_show_index),
}
REFUSED = {"RepositoryModelLoad": "load", "RepositoryModelUnload": "unload"}
METHODS = frozenset((*ALONE, *LOOKS, *REFUSED, "ModelInfer"))
