"""Tensors in JSON: `data` flat or nested as the shape says, each value of a type that the datatype can mean."""

from array import array
from base64 import b64decode
from binascii import Error as NoBase64
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from workers.serving.protocols.open_inference.datatypes import BF16, BYTES, DTYPES, FP16, fault_of
from workers.serving.protocols.open_inference.tensors import Tensor, Values

NO_JSON = frozenset((FP16, BF16))
NONE: type = type(None)
ALLOWED: dict[str, frozenset[type]] = {"b": frozenset((bool, NONE)), "f": frozenset((float, int, NONE))}
INTEGERS: frozenset[type] = frozenset((int, NONE))
TEXTS: frozenset[type] = frozenset((str, NONE))
WORDS = {"b": "true or false", "f": "numbers", "i": "whole numbers", "u": "whole numbers from 0"}


def read_json_tensor(name: str, datatype: str, shape: tuple[int, ...], data: object, *, encoded: bool) -> Tensor:
    """Return the tensor that `data` is. `encoded` texts are bytes in base64, as images in JSON must be."""
    if datatype in NO_JSON:
        raise fault_of(name, f"{datatype} has no form in JSON; send FP32, or the tensor as binary data")
    if not isinstance(data, list):
        raise fault_of(name, "must have data (a list), or parameters with binary_data_size")
    values = _flatten(name, data, shape)
    if datatype == BYTES:
        _check_types(name, values, TEXTS, "texts")
        return Tensor(name, datatype, shape, _decode_base64(name, values) if encoded else values)
    return Tensor(name, datatype, shape, _read_numbers(name, datatype, values))


def _flatten(name: str, data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    if data and isinstance(data[0], list) and len(shape) > 1:
        if len(data) != shape[0]:
            raise fault_of(name, f"the shape {list(shape)} wants {shape[0]} lists, {len(data)} came")
        for size in shape[1:]:
            if not all(type(part) is list and len(part) == size for part in data):
                raise fault_of(name, f"the data is not nested as the shape {list(shape)} says")
            data = list(chain.from_iterable(data))
    if len(data) != prod(shape):
        raise fault_of(name, f"the shape {list(shape)} wants {prod(shape)} values, {len(data)} came")
    return data


def _read_numbers(name: str, datatype: str, values: list[Any]) -> Values:
    dtype = DTYPES[datatype]
    types = _check_types(name, values, ALLOWED.get(dtype.kind, INTEGERS), f"{WORDS[dtype.kind]} for {datatype}")
    if NONE in types and dtype.kind != "f":
        return values
    try:
        with np.errstate(over="ignore"):
            if NONE not in types and dtype.kind == "f":
                return np.frombuffer(array("d", values)).astype(dtype)
            return np.array(values, dtype=dtype)
    except OverflowError:
        raise fault_of(name, f"a value is out of the range of {datatype}") from None


def _check_types(name: str, values: list[Any], allowed: frozenset[type], wanted: str) -> set[type]:
    """Return the types of the values. Raises a 400 for one that is not allowed."""
    types = set(map(type, values))
    if types <= allowed:
        return types
    index = next(index for index, value in enumerate(values) if type(value) not in allowed)
    if isinstance(values[index], (list, dict)):
        raise fault_of(name, f"the data is not nested as the shape says (element {index})")
    raise fault_of(name, f"must be {wanted}; element {index} is {str(values[index])[:40]!r}")


def _decode_base64(name: str, values: list[Any]) -> list[Any]:
    decoded = []
    for index, value in enumerate(values):
        try:
            decoded.append(b64decode(value or "", validate=True))
        except (NoBase64, ValueError):
            raise fault_of(name, f"element {index} is no valid base64") from None
    return decoded
