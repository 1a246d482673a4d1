"""Which paths are the protocol's, and what they ask for."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import orjson

from workers.serving.call import Call
from workers.serving.endpoints import Endpoint
from workers.serving.http.exchange import Exchange
from workers.serving.problems import Problem, bad_request, not_found
from workers.serving.protocols.family import Look, Operation, Overview, Prediction, Public
from workers.serving.protocols.json_body import read_json_object
from workers.serving.protocols.open_inference.describing import (
    check_ready,
    describe_config,
    describe_model,
    describe_server,
    is_number,
)
from workers.serving.protocols.open_inference.infer import read_infer
from workers.serving.protocols.open_inference.repository import list_models, refuse_control, refuse_setting
from workers.serving.protocols.open_inference.statistics import list_statistics

PATH = re.compile(
    r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?P<verb>/ready|/config|/stats|/infer)?/?",
    re.IGNORECASE,
)
CONTROL = re.compile(r"/v2/repository/models/[^/]+/(load|unload)/?", re.IGNORECASE)
NOT_OFFERED = re.compile(
    r"/v2/(?:models/[^/]+(?:/versions/[^/]+)?/)?(?:trace/setting|logging)/?|/v2/(?:system|cuda)sharedmemory(?:/.*)?",
    re.IGNORECASE,
)
READING, POSTING = (b"GET", b"HEAD"), (b"POST",)
Describe = Callable[[Endpoint, str | None], Any]


class OpenInference:
    """`/v2/…`"""

    def owns(self, path: str) -> bool:
        plain = path.partition("?")[0].lower()
        return plain.startswith("/v2/") or plain == "/v2"

    def parse(self, method: bytes, path: str) -> Operation:
        plain = path.lower().rstrip("/")
        if plain in ALONE:
            wanted, operation = ALONE[plain]
            return operation if method in wanted else _refuse_method(method, path, wanted)
        control = CONTROL.fullmatch(path)
        if control is not None:
            raise refuse_control(control[1].lower())
        if NOT_OFFERED.fullmatch(path):
            raise refuse_setting()
        found = PATH.fullmatch(path)
        if found is None:
            raise not_found(f"there is nothing at {path:.200}")
        verb, name = (found["verb"] or "").lower(), unquote(found["name"])
        version = unquote(found["version"]) if found["version"] else None
        if verb == "/infer":
            return predict(name, version, read_infer) if method == b"POST" else _refuse_method(method, path, POSTING)
        if method not in READING:
            return _refuse_method(method, path, READING)
        describe = LOOKS[verb]
        return Look(endpoint=name, show=lambda endpoint: orjson.dumps(describe(endpoint, version)))

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        return orjson.dumps({"error": problem.message})


def predict(name: str, version: str | None, read: Callable[[Call], None]) -> Prediction:
    """A version is a number, or a label as a name."""
    if not version:
        return Prediction(endpoint=name, read=read)
    if is_number(version):
        return Prediction(endpoint=name, read=read, version=int(version))
    return Prediction(endpoint=name, read=read, label=version)


def _refuse_method(method: bytes, path: str, wanted: tuple[bytes, ...]) -> Operation:
    allow = b", ".join(wanted).decode()
    raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{path:.200} takes {allow}, got {method.decode()}", allow=allow)


def _show_ready(endpoint: Endpoint, version: str | None) -> dict[str, Any]:
    check_ready(endpoint, version)
    return {"name": endpoint.name, "ready": True}


def _show_index(endpoints: list[Endpoint], exchange: Exchange) -> bytes:
    body = read_json_object(exchange.body, '"ready" (true or false)') if exchange.body.strip() else {}
    ready = body.get("ready", False)
    if type(ready) is not bool:
        raise bad_request('"ready" must be true or false')
    return orjson.dumps(list_models(endpoints, ready=ready))


def _show_names(endpoints: list[Endpoint], _: Exchange) -> bytes:
    return orjson.dumps({"models": [endpoint.name for endpoint in endpoints]})


def _show_all_statistics(endpoints: list[Endpoint], _: Exchange) -> bytes:
    return orjson.dumps({"model_stats": list_statistics(endpoints)})


LOOKS: dict[str, Describe] = {
    "": describe_model,
    "/ready": _show_ready,
    "/config": describe_config,
    "/stats": lambda endpoint, version: {"model_stats": list_statistics([endpoint], version)},
}
ALONE: dict[str, tuple[tuple[bytes, ...], Operation]] = {
    "/v2": (READING, Public(show=lambda _: orjson.dumps(describe_server()))),
    "/v2/health/live": (READING, Public(show=lambda _: b'{"live":true}')),
    "/v2/health/ready": (
        READING,
        Public(show=lambda problems: orjson.dumps({"ready": not problems}), heeds_readiness=True),
    ),
    "/v2/models": (READING, Overview(show=_show_names)),
    "/v2/models/stats": (READING, Overview(show=_show_all_statistics)),
    "/v2/repository/index": (POSTING, Overview(show=_show_index)),
}
