"""From an instance of a body to a row that features take: named, complete, bytes where bytes are meant."""

import binascii
from array import array
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.signature import Input
from modelyard.features import RowProblem

Row = Mapping[str, Any] | bytes | NDArray[np.float64]


class Taker(Protocol):
    """What is known of a model's inputs when rows are read."""

    names: frozenset[str]
    order: tuple[str, ...]
    sole_input: Input | None
    takes_images: bool


def read_rows(model: Taker, instances: Sequence[object]) -> list[Any]:
    """Return a row for each instance. Raises `RowProblem` for the first that does not fit the signature.

    Values and missing columns are judged by the features; here it is names and shapes.
    """
    if model.sole_input is not None or model.takes_images:
        return [read_row(model, instance, index) for index, instance in enumerate(instances)]
    names = model.names
    rows = list(instances)
    for index, row in enumerate(rows):
        if type(row) is not dict or not row.keys() <= names:
            rows[index] = read_row(model, row, index)
    return rows


def read_row(model: Taker, instance: object, index: int) -> Row:
    """Return one row: an object, or a list of values in the order of the signature's inputs. A model of a single input
    takes the bare value too."""
    sole = model.sole_input
    if isinstance(instance, list) and not model.takes_images:
        instance = _name_values(model, instance, index)
    elif sole is not None and (not isinstance(instance, dict) or _is_encoded(instance)):
        instance = {sole.name: instance}
    if not isinstance(instance, dict):
        raise RowProblem(index, None, f"must be an object of column name to value, got {_describe(instance)}")
    check_names(model, instance, index)
    if model.takes_images and sole is not None:
        return decode_image(instance.get(sole.name), index, sole.name)
    return instance


def _name_values(model: Taker, values: list[object], index: int) -> dict[str, object]:
    check_width(model, len(values), index)
    return dict(zip(model.order, values, strict=True))


def check_width(model: Taker, width: int, index: int) -> None:
    """Raise `RowProblem` for a list of values that is too short or too long."""
    if width != len(model.order):
        wanted = f"one for each of {len(model.order)} inputs, in this order: {', '.join(model.order):.2000}"
        raise RowProblem(index, None, f"a row given as a list must have {wanted}; got {width}")


def check_names(model: Taker, values: Mapping[str, object], index: int) -> None:
    """Raise `RowProblem` for a name that is no input."""
    unknown = values.keys() - model.names
    if unknown:
        name = min(unknown)
        known = ", ".join(sorted(model.names))
        raise RowProblem(index, name, f"column '{name:.80}' is no input of this model; its inputs are {known}")


def read_columns(model: Taker, columns: Mapping[str, object]) -> tuple[dict[str, Any], int]:
    """Return the columns of the column form, lists or arrays, and how long they are."""
    check_names(model, columns, 0)
    found: dict[str, Any] = {}
    for name, values in columns.items():
        if not isinstance(values, (list, np.ndarray)) or not len(values):
            raise RowProblem(0, name, f"column '{name}' must be a list of values, got {_describe(values)}")
        found[name] = values
    if not found:
        raise RowProblem(0, None, f"no columns came; the inputs are {', '.join(sorted(model.names))}")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
        raise RowProblem(0, None, f"the columns must be of equal length: {told}")
    return found, next(iter(lengths.values()))


def decode_image(value: object, index: int, name: str) -> bytes | NDArray[np.float64]:
    """Return the image that a value is: encoded, as bytes or as base64 (`{"b64": "…"}` or a string), or its pixels."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, list):
        return _read_pixels(value, index, name)
    text = value.get("b64") if isinstance(value, dict) and _is_encoded(value) else value
    if not isinstance(text, str):
        wanted = 'an image as {"b64": "…"} or its pixels'
        raise RowProblem(index, name, f"column '{name}' must be {wanted}, got {_describe(value)}")
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RowProblem(index, name, f"column '{name}' is no valid base64") from None


def _read_pixels(lines: list[Any], index: int, name: str) -> NDArray[np.float64]:
    """Nested lists [height][width] or [height][width][channels] to an array; numbers only, no line shorter."""
    try:
        if lines and lines[0] and isinstance(lines[0][0], list):
            flat = [array("d", pixel) for line in lines for pixel in line]
            shape: tuple[int, ...] = (len(lines), len(lines[0]), len(flat[0]))
            is_even = all(len(line) == shape[1] for line in lines) and all(len(pixel) == shape[2] for pixel in flat)
        else:
            flat = [array("d", line) for line in lines]
            shape = (len(lines), len(lines[0]))
            is_even = all(len(line) == shape[1] for line in flat)
    except (TypeError, IndexError, KeyError, OverflowError):
        is_even = False
    if not is_even:
        wanted = "numbers as [height][width] or [height][width][channels], all lines of equal length"
        raise RowProblem(index, name, f"column '{name}' is no picture; its pixels must be {wanted}")
    return np.frombuffer(b"".join(flat)).reshape(shape)


def _is_encoded(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and isinstance(value.get("b64"), str)


def _describe(value: object) -> str:
    kinds = {
        dict: "an object",
        list: "a list" if value else "an empty list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return kinds.get(type(value), "a number")
