"""Files of numbers in the format safetensors: a JSON header that says where each array lies, then nothing but numbers.

https://huggingface.co/docs/safetensors/index#format. Nothing in such a file can run.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_HEADER = 100_000_000
LENGTH_BYTES = 8
SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where an array lies: from byte `start` of the file on."""

    dtype: str
    shape: tuple[int, ...]
    start: int

    @property
    def bytes(self) -> int:
        return SIZES[self.dtype] * math.prod(self.shape)


def read_header(path: Path) -> dict[str, Stored]:
    """Return the arrays of a file by name. Raises `ValueError` for what is no such file or is cut short, `OSError`."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if not 2 <= length <= min(LARGEST_HEADER, size - LENGTH_BYTES):
            raise ValueError(f"{path.name} is no safetensors file")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError) as fault:
            raise ValueError(f"{path.name} is no safetensors file: its header is no JSON") from fault
    if not isinstance(header, dict):
        raise ValueError(f"{path.name} is no safetensors file: its header is no object")
    first = LENGTH_BYTES + length
    return {
        name: _read_entry(path.name, name, entry, first, size)
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _read_entry(file: str, name: str, entry: Any, first: int, size: int) -> Stored:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{file} is damaged: it does not say where {name} is")
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    numbers = [*shape, *offsets] if isinstance(shape, list) and isinstance(offsets, list) else [-1]
    if dtype not in SIZES or len(numbers) < 2 or not all(type(one) is int and one >= 0 for one in numbers):
        raise ValueError(f"{file} is damaged: it does not say where {name} is")
    start, end = numbers[-2:]
    stored = Stored(dtype=dtype, shape=tuple(numbers[:-2]), start=first + start)
    if end - start != stored.bytes or first + end > size:
        raise ValueError(f"{file} is cut short or damaged: {name} does not fit into it")
    return stored


def read_floats(path: Path, stored: Stored) -> NDArray[np.float32]:
    """Return an array of floating-point numbers."""
    if stored.dtype not in FLOATS:
        raise ValueError(f"{path.name} holds numbers of type {stored.dtype} where fractions belong")
    kind = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}[stored.dtype]
    count = math.prod(stored.shape)
    raw = np.fromfile(path, dtype=kind, count=count, offset=stored.start).reshape(stored.shape)
    if stored.dtype == "BF16":  # the upper half of a 32-bit number
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32)
