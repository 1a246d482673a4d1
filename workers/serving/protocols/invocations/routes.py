"""Which paths there are, how a body is read by its content type, and what a refusal looks like."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import orjson

from modelyard import __version__
from workers.serving.admission.credentials import is_signed
from workers.serving.call import Call
from workers.serving.endpoints import Endpoint
from workers.serving.http.exchange import Exchange
from workers.serving.http.heads import TEXT
from workers.serving.problems import Problem, bad_request, not_found, unavailable
from workers.serving.protocols.family import Look, Operation, Prediction, Public
from workers.serving.protocols.image_bodies import is_image_body, take_images
from workers.serving.protocols.intervals import INTERVAL, read_level
from workers.serving.protocols.invocations import parquet
from workers.serving.protocols.invocations.accepting import choose_answer
from workers.serving.protocols.invocations.array_files import read_npy, read_npz
from workers.serving.protocols.invocations.json_forms import read_json
from workers.serving.protocols.invocations.lines import read_csv, read_json_lines
from workers.serving.protocols.invocations.parquet import ReadParquet

PATH = re.compile(r"(?:/(?:serving-)?endpoints/(?P<name>[^/]+))?/(?P<verb>invocations|ping|health|version)")
PREFIXES = ("/endpoints/", "/serving-endpoints/")
PUBLIC = {
    "/ping": Public(show=lambda _: b"\n", heeds_readiness=True),
    "/health": Public(show=lambda _: b"\n", heeds_readiness=True),
    "/version": Public(show=lambda _: __version__.encode()),
}
Params = Mapping[str, Any]
Read = Callable[[Call], Params | None]
"""Takes the rows of a body into the call; returns what else the body says, where its form has a place for it."""

READERS: dict[str, Read] = {
    "application/json": read_json,
    "text/csv": read_csv,
    "application/jsonlines": read_json_lines,
    "application/jsonl": read_json_lines,
    "application/x-ndjson": read_json_lines,
    "application/x-npy": read_npy,
}
NPZ = "application/x-npz"
OFFERED = (*READERS, NPZ, parquet.KINDS[0])
SLOW = frozenset(kind.encode() for kind in parquet.KINDS)
VARIANT = b"x-amzn-sagemaker-target-variant"
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
FOREIGN = (b"x-amzn-sagemaker-target-model", b"x-amzn-sagemaker-inference-component")
VISIBLE = re.compile(rb"[\x20-\x7e]{0,1024}")
MLFLOW_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
AWS_CODES = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ValidationError",
    405: "ValidationError",
    429: "ThrottlingException",
    500: "InternalFailure",
    503: "ServiceUnavailable",
}


class Invocations:
    """`/endpoints/{name}/invocations` and, for a key that is bound to one endpoint, `/invocations`; `/ping`."""

    def __init__(self, max_body_bytes: int) -> None:
        read_parquet = ReadParquet(max_body_bytes)
        self._readers: dict[str, Read] = {
            **READERS,
            NPZ: partial(read_npz, max_bytes=max_body_bytes),
            **dict.fromkeys(parquet.KINDS, read_parquet),
        }

    def owns(self, path: str) -> bool:
        return path.startswith(PREFIXES) or path in PUBLIC or path == "/invocations"

    def parse(self, method: bytes, path: str) -> Operation:
        found = PATH.fullmatch(path)
        if found is None:
            raise not_found(f"there is nothing at {path:.200}; predictions are at /endpoints/ENDPOINT/invocations")
        name, verb = unquote(found["name"] or ""), found["verb"]
        allowed = (b"POST",) if verb == "invocations" else (b"GET", b"HEAD")
        if method not in allowed:
            verbs = b", ".join(allowed).decode()
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{path:.200} takes {verbs} only", allow=verbs)
        if verb == "invocations":
            return Prediction(endpoint=name, read=self._read, variant=VARIANT, slow=SLOW)
        return Look(endpoint=name, show=show_ping if verb != "version" else show_version) if name else PUBLIC[path]

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        """MLflow's shape; clients of AWS look for the name of an exception, and what the model said, beside it."""
        if problem.media_type is TEXT:
            return problem.message.encode()
        code = MLFLOW_CODES.get(problem.status, "BAD_REQUEST" if problem.status < 500 else "INTERNAL_ERROR")
        content: dict[str, Any] = {"error_code": code, "message": problem.message}
        if is_signed(exchange.headers.get(b"authorization")):
            content["code"] = AWS_CODES.get(problem.status, "ModelError")
            if content["code"] == "ModelError":
                content |= {"OriginalStatusCode": int(problem.status), "OriginalMessage": problem.message}
        return orjson.dumps(content)

    def _read(self, call: Call) -> None:
        headers = call.exchange.headers
        call.head_lines = _compose_head_lines(call)
        answer = choose_answer(headers.get(b"accept"))
        call.media_type = answer.media_type
        content_type = headers.get(b"content-type", b"application/json")
        params: Params | None = None
        if call.model.takes_images and is_image_body(call, content_type):
            take_images(call, content_type)
        else:
            params = self._readers[_read_content_type(call)](call)
        attributes = headers.get(ATTRIBUTES)
        if attributes is not None:
            params = {**_read_attributes(attributes), **(params or {})}
        level = read_level(call.model, params) if params else None
        call.encode = answer.encoder(call.model.signature, level)


def show_ping(endpoint: Endpoint) -> bytes:
    if not endpoint.live:
        raise unavailable(f"the endpoint {endpoint.name!r} is {endpoint.state}: {endpoint.message or 'try again soon'}")
    return b"\n"


def show_version(endpoint: Endpoint) -> bytes:
    return __version__.encode()


def _compose_head_lines(call: Call) -> bytes:
    """What SageMaker says beside the answer: the variant that gave it, and the caller's own attributes."""
    headers = call.exchange.headers
    for name in FOREIGN:
        if name in headers:
            raise bad_request(f"{name.decode()} means nothing here; name a version with {VARIANT.decode()}")
    lines = b"x-amzn-invoked-production-variant: %d\r\n" % call.served.version
    attributes = headers.get(ATTRIBUTES)
    if attributes is None:
        return lines
    if not VISIBLE.fullmatch(attributes):
        raise bad_request(f"{ATTRIBUTES.decode()} must be at most 1024 visible characters of ASCII")
    return lines + b"%b: %b\r\n" % (ATTRIBUTES, attributes)


def _read_attributes(attributes: bytes) -> Params:
    """What SageMaker's custom attributes ask for: bodies that are no JSON have no other place for it."""
    pairs = (part.partition("=") for part in re.split("[,;]", attributes.decode("latin-1")))
    said = {name.strip().lower(): value.strip() for name, _, value in pairs}
    level = said.get(INTERVAL)
    if level is None:
        return {}
    try:
        return {INTERVAL: float(level)}
    except ValueError:
        return {INTERVAL: level}


def _read_content_type(call: Call) -> str:
    """Return the reader's name. A parameter that changes what the body means is not passed over: it is refused."""
    content_type = call.exchange.headers.get(b"content-type", b"application/json").decode("latin-1")
    kind, *parameters = (part.strip() for part in content_type.lower().split(";"))
    if kind not in OFFERED and kind not in parquet.KINDS:
        offered = ", ".join(OFFERED)
        raise _unsupported(call, f"This predictor only supports the content types {offered}. Got '{content_type:.80}'.")
    for parameter in filter(None, parameters):
        name, _, value = (part.strip(' "') for part in parameter.partition("="))
        if name == "charset":
            if value not in ("utf-8", "utf8"):
                raise _unsupported(call, f"The predictor only supports UTF-8, got charset {value:.40}.")
        elif not (kind == "text/csv" and name == "header" and value in ("present", "absent")):
            raise _unsupported(call, f"Unrecognized content type parameters: {parameter:.80}.")
    return kind


def _unsupported(call: Call, message: str) -> Problem:
    """MLflow says this in plain text."""
    if is_signed(call.exchange.headers.get(b"authorization")):
        return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message)
    return Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message, media_type=TEXT)
