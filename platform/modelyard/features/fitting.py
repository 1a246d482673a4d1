"""What becomes of a training column: which class of `columns` reads it, or why it is left out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from modelyard.features.base import BadValue
from modelyard.features.columns import (
    MOST_ONE_HOT,
    CategoryColumn,
    CodedColumn,
    Column,
    DateColumn,
    FlagColumn,
    NumberColumn,
    TextColumn,
    Values,
)
from modelyard.features.ordering import find_order
from modelyard.features.values import (
    detect_date_order,
    detect_number_style,
    parse_category,
    parse_date,
    parse_flag,
    parse_number,
)

MOST_LEVELS = 1000
"""Levels of a category that are told apart; rarer ones count as never seen."""
FEWEST_ROWS_OF_A_LEVEL = 2

NO_VALUES = str(_("left out: it holds no values"))
NO_USABLE_VALUES = str(_("left out: it holds no usable values"))
CONSTANT = str(_("left out: it is the same in every row"))
ONLY_ONCE = str(_("left out: every value occurs once only"))


@dataclass(frozen=True, kw_only=True)
class ColumnReport:
    """What a person should know of a column: `use` says in words what became of it."""

    column: str
    kind: str
    use: str
    missing: int
    unparsable: int = 0
    levels: int | None = None


@dataclass(frozen=True, kw_only=True)
class FittedColumn:
    """`column` is None where the column is left out; `values` are clean of what cannot be parsed."""

    column: Column | None
    values: Values
    report: ColumnReport


def fit_column(name: str, texts: NDArray[np.object_], kind: str) -> FittedColumn:
    """Choose how a column of this kind is read. Unknown kinds, identifiers and empty columns are left out."""
    fit = {
        "number": _fit_number,
        "flag": _fit_flag,
        "date": _fit_date,
        "category": _fit_category,
        "text": _fit_text,
    }.get(kind)
    if fit is None:
        reason = NO_VALUES if kind == "empty" else "left out: it names rows rather than describing them"
        missing = sum(text is None for text in texts)
        return FittedColumn(
            column=None, values=texts, report=ColumnReport(column=name, kind=kind, use=reason, missing=missing)
        )
    return fit(name, texts)


def _fit_number(name: str, texts: NDArray[np.object_]) -> FittedColumn:
    style = detect_number_style(texts)
    numbers, unparsable = _parse_all(texts, lambda text: parse_number(text, style))
    return _settle(NumberColumn(name, style), "number", "a number, scaled", numbers, unparsable)


def _fit_flag(name: str, texts: NDArray[np.object_]) -> FittedColumn:
    flags, unparsable = _parse_all(texts, parse_flag)
    if unparsable > 0.2 * len(flags):
        return _fit_category(name, texts)
    return _settle(FlagColumn(name), "flag", "yes or no", flags, unparsable)


def _fit_date(name: str, texts: NDArray[np.object_]) -> FittedColumn:
    order = detect_date_order(texts) or "month"
    seconds, unparsable = _parse_all(texts, lambda text: parse_date(text, order))
    column = DateColumn.fit(name, seconds, order)
    return _settle(column, "date", f"a date, expanded to {', '.join(column.parts)}", seconds, unparsable)


def _settle(column: Column, kind: str, use: str, numbers: NDArray[np.float64], unparsable: int) -> FittedColumn:
    """Leave the column out where it says nothing: no value at all, or the same in every row."""
    known = numbers[~np.isnan(numbers)]
    kept: Column | None = column
    if len(known) == 0:
        kept, use = None, NO_USABLE_VALUES
    elif np.ptp(known) == 0 and len(known) == len(numbers):
        kept, use = None, CONSTANT
    report = ColumnReport(
        column=column.name, kind=kind, use=use, missing=len(numbers) - len(known), unparsable=unparsable
    )
    return FittedColumn(column=kept, values=numbers.astype(object), report=report)


def _fit_category(name: str, texts: NDArray[np.object_]) -> FittedColumn:
    values = np.array([parse_category(text) for text in texts], dtype=object)
    counts = Counter(value for value in values if value is not None)
    frequent = [level for level, count in counts.most_common(MOST_LEVELS) if count >= FEWEST_ROWS_OF_A_LEVEL]
    missing = len(values) - sum(counts.values())
    column: Column | None = None
    if not counts:
        use = NO_VALUES
    elif not frequent:
        use = ONLY_ONCE
    elif len(counts) == 1 and missing == 0:
        use = CONSTANT
    elif len(frequent) <= MOST_ONE_HOT:
        column, use = CategoryColumn(name, sorted(frequent)), "a category, one input for each level"
        ranks = find_order(sorted(frequent))
        if ranks is not None:
            column = CategoryColumn(name, sorted(frequent), ranks)
            use = "a category with an order, one input for each level and one for its rank"
    else:
        column, use = CodedColumn(name, sorted(frequent)), "a category, looked up in a learned table"
    report = ColumnReport(column=name, kind="category", use=use, missing=missing, levels=len(counts))
    return FittedColumn(column=column, values=values, report=report)


def _fit_text(name: str, texts: NDArray[np.object_]) -> FittedColumn:
    values = np.array([parse_category(text) for text in texts], dtype=object)
    known = [value for value in values if value is not None]
    column = TextColumn.fit(name, known)
    report = ColumnReport(
        column=name,
        kind="text",
        use=f"a text, its {len(column.words)} most frequent words" if column.words else "a text, its length",
        missing=len(values) - len(known),
    )
    if not known:
        return FittedColumn(column=None, values=values, report=report)
    return FittedColumn(column=column, values=values, report=report)


def _parse_all(texts: NDArray[np.object_], parse: Callable[[object], float]) -> tuple[NDArray[np.float64], int]:
    """Parse every text; what cannot be parsed is missing, and counted."""
    unparsable = 0
    numbers = np.empty(len(texts))
    for index, text in enumerate(texts):
        try:
            numbers[index] = parse(text)
        except BadValue:
            numbers[index] = np.nan
            unparsable += 1
    return numbers, unparsable
