"""Arrays of numbers as text in JSON: compressed and in base64, every digit kept."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(array: NDArray[Any]) -> dict[str, Any]:
    """Return an array of floats or integers as JSON values."""
    kind = "<f8" if array.dtype.kind == "f" else "<i8"
    content = zlib.compress(np.ascontiguousarray(array, dtype=kind).tobytes(), 6)
    return {"shape": list(array.shape), "type": kind, "zlib": b64encode(content).decode()}


def unpack(value: Mapping[str, Any]) -> NDArray[Any]:
    """The inverse of `pack`. Raises `ValueError` for what `pack` did not write."""
    try:
        content = zlib.decompress(b64decode(value["zlib"], validate=True))
    except zlib.error as fault:
        raise ValueError(f"packed numbers are damaged: {fault}") from fault
    return np.frombuffer(content, dtype=value["type"]).reshape(value["shape"]).copy()
