"""JSON bodies of strangers: fast where they are strict, careful where they are not."""

import json
import re
from typing import Any, NoReturn

import orjson

from workers.serving.problems import bad_request
from workers.serving.protocols.large_json import MAX_DEPTH, CheckCount, read_large_json, take_any
from workers.serving.protocols.nan_tokens import write_null

MAX_INLINE_BYTES = 1024 * 1024
_NAN = re.compile(rb"\bNaN\b")
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def read_json_object(body: bytes, wanted: str, check_count: CheckCount = take_any) -> dict[str, Any]:
    """Return the object that a body is. `wanted` tells what belongs into it, for the error.

    `check_count` may refuse a list of so many rows before they are read.
    """
    try:
        value = orjson.loads(body) if len(body) <= MAX_INLINE_BYTES else read_large_json(write_null(body), check_count)
    except orjson.JSONDecodeError as fault:
        value = _read_leniently(body, fault)
    if type(value) is not dict:
        raise bad_request(f"the body must be a JSON object with {wanted}")
    return value


def _read_leniently(body: bytes, fault: orjson.JSONDecodeError) -> Any:
    """TensorFlow Serving takes `NaN` for a number and stops reading after the object; so do we, with the same care."""
    if not body.strip():
        raise bad_request("the body is empty; it must be a JSON object") from None
    if not (_NAN.search(body) or "after document" in str(fault)):
        raise bad_request(f"the body is no JSON: {fault}") from None
    _check_depth(body)
    try:
        text = body.decode().lstrip()
        value, _ = _DECODER.raw_decode(text)
        orjson.dumps(value)
    except (UnicodeDecodeError, ValueError, TypeError, RecursionError) as broken:
        raise bad_request(f"the body is no JSON: {broken}") from None
    return value


def _check_depth(body: bytes) -> None:
    depth = 0
    for token in _BRACKETS.findall(body):
        if token in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise bad_request(f"the body is nested deeper than {MAX_DEPTH} levels")
        elif token in b"]}":
            depth -= 1


def _refuse_constant(name: str) -> float:
    if name == "NaN":
        return float("nan")
    return _refuse_infinity(name)


def _read_float(text: str) -> float:
    number = float(text)
    return number if number - number == 0 else _refuse_infinity(text)


def _refuse_infinity(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is no finite number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)
