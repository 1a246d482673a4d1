"""MLflow's and SageMaker's `/invocations`: four JSON forms, or CSV with a header row."""

import csv
import re
from http import HTTPStatus
from io import StringIO
from typing import Any
from urllib.parse import unquote

import orjson

from modelyard import __version__
from workers.serving.call import Call
from workers.serving.http.exchange import Exchange
from workers.serving.models.rows import read_columns, read_rows
from workers.serving.problems import Problem, bad_request
from workers.serving.protocols.family import Operation, Prediction, Public
from workers.serving.protocols.json_body import read_json_object
from workers.serving.protocols.tensorflow_serving import encode_rows

PATH = re.compile(r"/endpoints/([^/]+)/invocations")
FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}
PUBLIC = {
    "/ping": Public(show=lambda _: b"\n", heeds_readiness=True),
    "/version": Public(show=lambda _: __version__.encode()),
}


class Invocations:
    """`/endpoints/{name}/invocations`, `/ping`, `/version`"""

    def owns(self, path: str) -> bool:
        return path.startswith("/endpoints/") or path in PUBLIC

    def parse(self, method: bytes, path: str) -> Operation:
        if path in PUBLIC and method in (b"GET", b"HEAD"):
            return PUBLIC[path]
        found = PATH.fullmatch(path)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {path:.200}")
        if method != b"POST":
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "invocations take POST only")
        return Prediction(endpoint=unquote(found[1]), read=read_invocation)

    def encode_problem(self, problem: Problem, exchange: Exchange) -> bytes:
        code = CODES.get(problem.status, "BAD_REQUEST" if problem.status < 500 else "INTERNAL_ERROR")
        return orjson.dumps({"error_code": code, "message": problem.message})


def read_invocation(call: Call) -> None:
    content_type = call.exchange.headers.get(b"content-type", b"").decode("latin-1")
    kind, _, parameter = (part.strip().lower() for part in content_type.partition(";"))
    if parameter and parameter.replace(" ", "") not in ("charset=utf-8", "charset=utf8"):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"only charset=utf-8 is understood, got {parameter[:80]}")
    call.encode = encode_rows
    if kind == "text/csv":
        _read_csv(call)
    elif kind == "application/json":
        _read_json(call)
    else:
        raise Problem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"send application/json or text/csv, got {kind[:80] or 'no content type'}",
        )


def _read_csv(call: Call) -> None:
    try:
        lines = list(csv.reader(StringIO(call.exchange.body.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise bad_request(f"the body is no CSV in UTF-8: {fault}") from None
    rows = [line for line in lines if line]
    if len(rows) < 2:
        raise bad_request("the CSV must have a header row and at least one row of values")
    _take_table(call, rows[0], [[value or None for value in row] for row in rows[1:]], "row %d")


def _read_json(call: Call) -> None:
    wanted = f"exactly one of {', '.join(FORMS)}"
    body = read_json_object(call.exchange.body, wanted)
    forms = [form for form in FORMS if form in body]
    if len(forms) != 1:
        raise bad_request(f"the body must have {wanted}, got {', '.join(forms) or 'none of them'}")
    if not isinstance(body.get("params", {}), dict):
        raise bad_request('"params" must be an object')
    form, value = forms[0], body[forms[0]]
    if form == "dataframe_split":
        _read_split(call, value)
    elif form == "inputs":
        _read_inputs(call, value)
    else:
        _take_rows(call, value, form)


def _read_split(call: Call, value: Any) -> None:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("columns"), list)
        or not isinstance(value.get("data"), list)
    ):
        raise bad_request('"dataframe_split" must be an object with "columns" and "data" (a list of rows)')
    if not value["data"]:
        raise bad_request('"data" must be a list of at least one row')
    _take_table(call, value["columns"], value["data"], "data[%d]")


def _read_inputs(call: Call, value: Any) -> None:
    if not isinstance(value, dict):
        _take_rows(call, value, "inputs")
        return
    call.where = "inputs, row %d"
    call.columns, call.count = read_columns(call.model, value)
    if call.model.takes_images and call.model.sole_input is not None:
        call.rows, call.columns = read_rows(call.model, call.columns[call.model.sole_input.name]), None


def _take_table(call: Call, names: list[Any], lines: list[Any], where: str) -> None:
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise bad_request("the column names must be texts, and none may come twice")
    for index, line in enumerate(lines):
        if not isinstance(line, list) or len(line) != len(names):
            raise bad_request(f"{where % index}: must have one value for each of the {len(names)} columns")
    call.where, call.count = where, len(lines)
    call.rows = read_rows(call.model, [dict(zip(names, line, strict=True)) for line in lines])


def _take_rows(call: Call, value: Any, form: str) -> None:
    if not isinstance(value, list) or not value:
        raise bad_request(f'"{form}" must be a list of at least one row')
    call.where, call.count = f"{form}[%d]", len(value)
    call.rows = read_rows(call.model, value)
