"""Training columns as parsed values: what cannot be parsed becomes missing."""

from collections.abc import Callable

import numpy as np

from modelyard.features.base import BadValue
from modelyard.features.columns import Column, DateColumn, FlagColumn, NumberColumn
from modelyard.features.values import parse_category, parse_date, parse_flag, parse_number
from workers.training.reading import Texts


def read_column(column: Column, texts: Texts) -> Texts:
    """Return floats (None = missing) for numbers, flags and dates, trimmed texts for the rest."""
    parse: Callable[[object], object] = parse_category
    if isinstance(column, NumberColumn):
        style = column.style
        parse = lambda text: parse_number(text, style)  # noqa: E731
    elif isinstance(column, DateColumn):
        order = column.order
        parse = lambda text: parse_date(text, order)  # noqa: E731
    elif isinstance(column, FlagColumn):
        parse = parse_flag
    values = np.empty(len(texts), dtype=object)
    for index, text in enumerate(texts):
        try:
            value = parse(text)
        except BadValue:
            value = None
        values[index] = None if value != value else value
    return values
