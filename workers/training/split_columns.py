"""What the column says that rows are parted by: the group, the moment or the part of each row."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import PART_WORDS
from modelyard.features.base import BadValue
from modelyard.features.values import (
    detect_date_order,
    detect_number_style,
    parse_category,
    parse_date,
    parse_number,
)

MOSTLY = 0.9


def read_groups(texts: Sequence[object] | NDArray[np.object_]) -> NDArray[np.int64]:
    """Number rows so that equal values get equal numbers. A row without a value is a group of its own."""
    numbers: dict[object, int] = {}
    return np.array(
        [numbers.setdefault(parse_category(text) or (row,), len(numbers)) for row, text in enumerate(texts)],
        dtype=np.int64,
    )


def read_moments(texts: NDArray[np.object_], *, are_dates: bool | None) -> tuple[NDArray[np.float64], bool]:
    """Return what rows are in the order of, NaN where that is unknown, and whether it is dates (seconds since 1970).

    Where `are_dates` is None they are, unless nearly all values can be read as numbers, such as years.
    """
    if are_dates is not True:
        style = detect_number_style(texts)
        numbers = _read(texts, lambda text: parse_number(text, style))
        given = sum(parse_category(text) is not None for text in texts)
        if are_dates is False or np.isfinite(numbers).sum() >= MOSTLY * max(1, given):
            return numbers, False
    order = detect_date_order(texts) or "month"
    return _read(texts, lambda text: parse_date(text, order)), True


def read_parts(texts: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return 0 for training, 1 for validation, 2 for test, -1 where nothing of this kind is said."""
    return np.array([PART_WORDS.get((parse_category(text) or "").lower(), -1) for text in texts], dtype=np.int64)


def is_missing(texts: NDArray[np.object_]) -> NDArray[np.bool_]:
    return np.array([parse_category(text) is None for text in texts], dtype=bool)


def _read(texts: NDArray[np.object_], parse: Callable[[object], float]) -> NDArray[np.float64]:
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            values[row] = parse(text)
        except BadValue:
            continue
    return values
