"""From an instance of a body to a row that features take: named, complete, bytes where bytes are meant."""

import binascii
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from modelyard.contracts.signature import Input
from modelyard.features import RowProblem

Row = Mapping[str, Any] | bytes


class Taker(Protocol):
    """What is known of a model's inputs when rows are read."""

    names: frozenset[str]
    sole_input: Input | None
    takes_images: bool


def read_rows(model: Taker, instances: Sequence[object]) -> list[Any]:
    """Return a row for each instance. Raises `RowProblem` for the first that does not fit the signature.

    Values and missing columns are judged by the features; here it is names and shapes.
    """
    if model.takes_images or model.sole_input is not None:
        return [read_row(model, instance, index) for index, instance in enumerate(instances)]
    names = model.names
    for index, instance in enumerate(instances):
        if type(instance) is not dict or not instance.keys() <= names:
            read_row(model, instance, index)
    return list(instances)


def read_row(model: Taker, instance: object, index: int) -> Row:
    """Return one row. A model of a single input takes the bare value too."""
    sole = model.sole_input
    if sole is not None and (not isinstance(instance, dict) or _is_encoded(instance)):
        instance = {sole.name: instance}
    if not isinstance(instance, dict):
        raise RowProblem(index, None, f"must be an object of column name to value, got {_describe(instance)}")
    check_names(model, instance, index)
    if model.takes_images and sole is not None:
        return decode_image(instance.get(sole.name), index, sole.name)
    return instance


def check_names(model: Taker, values: Mapping[str, object], index: int) -> None:
    """Raise `RowProblem` for a name that is no input."""
    unknown = values.keys() - model.names
    if unknown:
        name = min(unknown)
        known = ", ".join(sorted(model.names))
        raise RowProblem(index, name, f"column '{name:.80}' is no input of this model; its inputs are {known}")


def read_columns(model: Taker, columns: Mapping[str, object]) -> tuple[dict[str, list[object]], int]:
    """Return the columns of the column form and how long they are."""
    check_names(model, columns, 0)
    found: dict[str, list[object]] = {}
    for name, values in columns.items():
        if not isinstance(values, list) or not values:
            raise RowProblem(0, name, f"column '{name}' must be a list of values, got {_describe(values)}")
        found[name] = values
    if not found:
        raise RowProblem(0, None, f"no columns came; the inputs are {', '.join(sorted(model.names))}")
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
        raise RowProblem(0, None, f"the columns must be of equal length: {told}")
    return found, next(iter(lengths.values()))


def decode_image(value: object, index: int, name: str) -> bytes:
    """Return the encoded image that a value is: bytes, or base64 as `{"b64": "…"}` or a string."""
    if isinstance(value, bytes):
        return value
    text = value.get("b64") if isinstance(value, dict) and _is_encoded(value) else value
    if not isinstance(text, str):
        raise RowProblem(index, name, f'column \'{name}\' must be an image as {{"b64": "…"}}, got {_describe(value)}')
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RowProblem(index, name, f"column '{name}' is no valid base64") from None


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
