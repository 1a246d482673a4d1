"""The arrays of the numeric core as columns that Yggdrasil Decision Forests takes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LABEL = "label"
Data = dict[str, NDArray[Any]]


def name_columns(inputs: Mapping[str, NDArray[Any]]) -> list[tuple[str, str, int]]:
    """Return (name, array, index) for every column: `n…` for numbers, `c…` for codes."""
    return [
        (f"{name[0]}{index}", name, index)
        for name in sorted(inputs, reverse=True)
        for index in range(inputs[name].shape[1])
    ]


def make_data(inputs: Mapping[str, NDArray[Any]]) -> Data:
    """Codes become texts, so that they are taken for categories."""
    data: Data = {}
    for column, name, index in name_columns(inputs):
        values = inputs[name][:, index]
        if name == "codes":
            texts = np.array([str(code).encode() for code in range(int(values.max(initial=0)) + 1)])
            values = texts[values]
        data[column] = values
    return data
