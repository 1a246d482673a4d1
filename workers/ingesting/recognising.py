"""What a table is most likely for: rows of columns, texts to sort, or series over time. People may choose otherwise."""

from collections.abc import Sequence

from modelyard.contracts.profile import ColumnProfile, DataKind
from modelyard.contracts.wording import list_free_texts, may_be_class
from modelyard.features.series.roles import look_like_series

_LONG_TEXT = 30
"""Characters of an example from which a text is more than a name."""
_MOST_OTHERS = 2
_NO_HELP = ("empty", "identifier")


def recognise_kind(columns: Sequence[ColumnProfile], rows: int) -> DataKind:
    """Return the kind of data by its profiles alone; `rows` counts all rows."""
    if _are_texts(columns, rows):
        return "texts"
    if look_like_series(columns, rows):
        return "series"
    return "table"


def _are_texts(columns: Sequence[ColumnProfile], rows: int) -> bool:
    """A free text, a column whose values repeat, and few others; beside mere names there are none."""
    texts = list_free_texts(columns, rows)
    classes = [column for column in columns if column not in texts and may_be_class(column, rows)]
    if not texts or not classes:
        return False
    others = [
        column
        for column in columns
        if column not in texts and column is not classes[-1] and column.distinct > 1 and column.kind not in _NO_HELP
    ]
    return len(others) <= (_MOST_OTHERS if any(map(_is_long, texts)) else 0)


def _is_long(column: ColumnProfile) -> bool:
    weights = [len(example.encode()) if not example.isascii() else len(example) for example in column.examples]
    return sum(weights) >= _LONG_TEXT * max(1, len(weights))
