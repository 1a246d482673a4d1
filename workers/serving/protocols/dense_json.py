"""JSON bodies of nothing but numbers, read into arrays by a SIMD parser without an object for each number.

A parser of this kind flattens nested lists without looking at their lengths. So the shape is proved first: a body
without the characters that numbers are written with is a skeleton, and it must be that of a list of equal rows, comma
by comma. What is anything else in any way (a text, a null, a ragged row, a second key) gives None and is read by the
careful reader, which finds the words for what is wrong with it.
"""

import contextlib
import re
import threading
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import orjson
import simdjson
from numpy.typing import NDArray

from workers.serving.protocols.large_json import plain_names, unfold

SMALLEST = 1000
"""Bytes of a body below which an ordinary parser is as fast."""
KEPT_BYTES = 1024 * 1024
MOST_DIMENSIONS = 4
NUMBER_BYTES = b"0123456789+-.eE \t\r\n"
ROWS_START = re.compile(rb'\s*\{\s*"(instances|inputs)"\s*:\s*\[\s*[\[\d-]')
NAMED_START = re.compile(rb'\s*\{\s*"instances"\s*:\s*\[\s*\{\s*"([^"\\]+)"\s*:\s*\[')
SPLIT_START = re.compile(
    rb'\s*\{\s*"dataframe_split"\s*:\s*\{\s*"columns"\s*:\s*(\[[^][{}]*\])\s*,\s*"data"\s*:(?=\s*\[\s*\[)'
)
COLUMNS_START = re.compile(rb'\s*\{\s*"inputs"\s*:\s*\{')
PARSE_FAULTS = (ValueError, RuntimeError, TypeError, KeyError)
Numbers = NDArray[np.float64]
Check = Callable[[tuple[int, ...]], None]

_kept = threading.local()


def read_dense_rows(body: bytes, check: Check) -> tuple[str, Numbers] | None:
    """Return "instances" or "inputs" and its array, if the body is `{"instances": […]}` with lists of one shape.

    `check` gets the shape before anything is read, and may raise what is wrong with it.
    """
    found = ROWS_START.match(body) if len(body) >= SMALLEST else None
    if found is None:
        return None
    name = found[1].decode()
    skeleton = _skeleton(body, b'{"%b":' % found[1], b"}")
    shape = find_shape(skeleton) if skeleton is not None else None
    if shape is None:
        return None
    check(shape)
    try:
        flat = np.frombuffer(parse_body(body)[name].as_buffer(of_type="d"))
    except PARSE_FAULTS:
        return None
    return (name, flat.reshape(shape)) if flat.size == prod(shape) else None


def read_dense_split(body: bytes, check: Check) -> tuple[list[str], Numbers] | None:
    """Return names and rows, if the body is `{"dataframe_split": {"columns": […], "data": […]}}`, in this order."""
    found = SPLIT_START.match(body) if len(body) >= SMALLEST else None
    if found is None:
        return None
    skeleton = _skeleton(body[found.end() :], b"", b"}}")
    shape = find_shape(skeleton) if skeleton is not None else None
    if shape is None or len(shape) != 2:
        return None
    check(shape)
    try:
        names = orjson.loads(found[1])
        flat = np.frombuffer(parse_body(body)["dataframe_split"]["data"].as_buffer(of_type="d"))
    except PARSE_FAULTS:
        return None
    if flat.size != prod(shape) or len(names) != shape[1] or not all(isinstance(name, str) for name in names):
        return None
    return names, flat.reshape(shape)


def read_dense_named(body: bytes, check: Check) -> tuple[str, Numbers] | None:
    """Return the name and the arrays, one after the other, if the body is `{"instances": [{name: […]}, …]}`."""
    found = NAMED_START.match(body) if len(body) >= SMALLEST else None
    skeleton = _skeleton(body, b'{"instances":', b"}") if found is not None else None
    if found is None or skeleton is None:
        return None
    front = b'{"%b":' % found[1].translate(None, NUMBER_BYTES)
    item = skeleton[1 : skeleton.find(b"}") + 1]
    count = (len(skeleton) - 1) // (len(item) + 1)
    shape = find_shape(item[len(front) : -1]) if item.startswith(front) else None
    if shape is None or skeleton != b"[" + b",".join([item] * count) + b"]":
        return None
    check((count, *shape))
    try:
        name = found[1].decode()
        parts = [np.frombuffer(instance[name].as_buffer(of_type="d")) for instance in parse_body(body)["instances"]]
    except PARSE_FAULTS:
        return None
    if any(part.size != prod(shape) for part in parts):
        return None
    return name, np.concatenate(parts).reshape(count, *shape)


def _skeleton(body: bytes, front: bytes, back: bytes) -> bytes | None:
    """Return what remains without the numbers, between `front` and `back`; None where it does not stand there."""
    skeleton, front = body.translate(None, NUMBER_BYTES), front.translate(None, NUMBER_BYTES)
    if not skeleton.startswith(front + b"[") or not skeleton.endswith(b"]" + back):
        return None
    return skeleton[len(front) : -len(back)]


def read_dense_columns(body: bytes, check: Check) -> dict[str, Any] | None:
    """Return the columns, if the body is `{"inputs": {name: […], …}}`: arrays where a column is all numbers."""
    if len(body) < SMALLEST or COLUMNS_START.match(body) is None:
        return None
    try:
        document = parse_body(body)
        if len(document) != 1:
            return None
        inputs = document["inputs"]
        names = plain_names(inputs)
        if names is None:
            return None
        is_flat = np.count_nonzero(np.frombuffer(body, dtype=np.uint8) == ord("[")) == len(names)
        return {name: _read_column(inputs[name], is_flat, check) for name in names}
    except PARSE_FAULTS:
        return None


def _read_column(values: Any, is_flat: bool, check: Check) -> Any:
    if not isinstance(values, simdjson.Array):
        raise TypeError("a column is a list")
    check((len(values),))
    if is_flat and len(values) and isinstance(values[0], (int, float)):
        with contextlib.suppress(TypeError):
            return np.frombuffer(values.as_buffer(of_type="d"))
    return unfold(values)


def find_shape(skeleton: bytes) -> tuple[int, ...] | None:
    """Return the shape whose skeleton this is: `[[,],[,]]` is (2, 2). None for ragged lists and all else."""
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    if not 0 < depth <= MOST_DIMENSIONS:
        return None
    end = skeleton.find(b"]")
    shape = [end - depth + 1]
    unit = b"[" + b"," * (shape[0] - 1) + b"]"
    for level in range(2, depth + 1):
        end = len(skeleton) - level if level == depth else skeleton.find(b"]" * level)
        size = end - 1 + level - (depth - level) - 1
        count = (size + 1) // (len(unit) + 1)
        unit = b"[" + b",".join([unit] * count) + b"]"
        shape.append(count)
    return tuple(reversed(shape)) if unit == skeleton else None


def parse_body(body: bytes) -> Any:
    """Parse with this thread's parser. It keeps the memory of its largest body, so one for large bodies is not kept."""
    parser: simdjson.Parser | None = getattr(_kept, "parser", None)
    if parser is None or len(body) > KEPT_BYTES:
        parser = simdjson.Parser()
        if len(body) <= KEPT_BYTES:
            _kept.parser = parser
    return parser.parse(body)
