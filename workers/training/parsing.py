"""Training columns as parsed values: what cannot be parsed becomes missing."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.compute as compute
from numpy.typing import NDArray

from modelyard.features.base import BadValue
from modelyard.features.columns import Column, DateColumn, FlagColumn, NumberColumn
from modelyard.features.values import NumberStyle, parse_category, parse_date, parse_flag, parse_number
from workers.training.reading import Texts


def read_column(column: Column, texts: Texts) -> NDArray[Any]:
    """Return numbers as an array of floats (NaN = missing), flags and dates as objects that are floats, and trimmed
    texts for the rest (None = missing), of which equal ones are the same object."""
    if isinstance(column, NumberColumn):
        return read_numbers(texts, column.style)
    parse: Callable[[object], object] = parse_category
    if isinstance(column, DateColumn):
        order = column.order
        parse = lambda text: parse_date(text, order)  # noqa: E731
    elif isinstance(column, FlagColumn):
        parse = parse_flag
    values = np.empty(len(texts), dtype=object)
    seen: dict[object, object] = {}
    for index, text in enumerate(texts):
        try:
            value = parse(text)
        except BadValue:
            value = None
        values[index] = None if value != value else seen.setdefault(value, value)
    return values


def read_numbers(texts: Texts, style: NumberStyle) -> NDArray[np.float64]:
    """NaN for what is missing or no number. Where all texts are plain decimal numbers, Arrow reads them at once."""
    if style == "point":
        with suppress(arrow.ArrowInvalid):
            plain = compute.cast(arrow.array(texts, arrow.string()), arrow.float64()).to_numpy(zero_copy_only=False)
            return np.where(np.isfinite(plain), plain, np.nan)
    numbers = np.full(len(texts), np.nan)
    for index, text in enumerate(texts):
        with suppress(BadValue):
            numbers[index] = parse_number(text, style)
    return numbers
