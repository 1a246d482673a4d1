"""Which columns of a table make it series: the moment, the names of the series, the values. A guess, from profiles."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log

from modelyard.contracts.profile import ColumnProfile
from modelyard.features.base import BadValue
from modelyard.features.series.calendars import read_stamp

TIME_WORDS = re.compile(
    r"(^|[\W_])(time|timestamp|datetime|date|day|week|month|quarter|year|period|ds|hour|t|日期|时间|月份|年份|年月)($|[\W_])",
    re.IGNORECASE,
)
SERIES_WORDS = re.compile(
    r"(^|[\W_])(ids?|unique_id|series|store|shop|item|sku|product|region|site|sensor|meter|station|customer|country|city)"
    r"($|[\W_])",
    re.IGNORECASE,
)
VALUE_WORDS = ("value", "values", "y", "target", "sales", "demand", "quantity", "count", "amount", "price", "total")
NAMING_KINDS = ("category", "identifier", "text", "flag")
MOST_NAMING = 8
MOST_TOGETHER = 3
FEWEST_MOMENTS = 12
SPREAD = 2.5
"""How far the rows may be from one for each moment of each series, as a factor."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What columns are for. `known` are those whose future is known."""

    time: str
    series: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


def guess_time(columns: Sequence[ColumnProfile]) -> ColumnProfile | None:
    """The column that most likely says when: one that is called so and can be read, else the first of dates."""
    usable = [column for column in columns if may_be_time(column)]
    named = [column for column in usable if TIME_WORDS.search(column.name)]
    dates = [column for column in usable if column.kind == "date"]
    return next(iter([column for column in named if column.kind == "date"] or named or dates), None)


def may_be_time(column: ColumnProfile) -> bool:
    """Whether the examples can be read as moments, or are numbers that could count steps."""
    if column.kind == "date":
        return column.distinct > 1
    if column.kind in ("flag", "empty") or column.distinct < 2 or not column.examples:
        return False
    if column.kind == "number":
        return column.minimum is not None and all(re.fullmatch(r"-?\d+(\.0*)?", text) for text in column.examples)
    try:
        moments = [read_stamp(text) for text in column.examples]
    except BadValue:
        return False
    return all(moment == moment for moment in moments)


def may_be_value(column: ColumnProfile) -> bool:
    return column.kind == "number" and column.distinct > 1


def guess_value(columns: Sequence[ColumnProfile], time: str | None) -> ColumnProfile | None:
    """The column of numbers that people most likely mean: one that is called so, else the last."""
    numbers = [column for column in columns if may_be_value(column) and column.name != time]
    named = sorted(
        (column for column in numbers if column.name.strip().lower() in VALUE_WORDS),
        key=lambda column: VALUE_WORDS.index(column.name.strip().lower()),
    )
    plain = [column for column in numbers if not SERIES_WORDS.search(column.name)]
    return next(iter(named), None) or next(iter(reversed(plain or numbers)), None)


def guess_series(columns: Sequence[ColumnProfile], rows: int, time: str, target: str | None) -> tuple[str, ...]:
    """The columns that tell series apart: those with which there is about one row for each moment of each series."""
    moment = next(column for column in columns if column.name == time)
    if moment.distinct >= 0.95 * (rows - moment.missing):
        return ()
    naming = [column for column in columns if column.name not in (time, target) and _may_name(column, rows)][
        :MOST_NAMING
    ]
    best: tuple[float, int, int] | None = None
    chosen: tuple[str, ...] = ()
    for count in range(1, min(MOST_TOGETHER, len(naming)) + 1):
        for group in combinations(naming, count):
            expected = float(moment.distinct)
            for column in group:
                expected *= column.distinct
            named = sum(SERIES_WORDS.search(column.name) is not None for column in group)
            score = (round(abs(log(expected / rows)), 1), -named, count)
            if best is None or score < best:
                best, chosen = score, tuple(column.name for column in group)
    return chosen


def guess_roles(columns: Sequence[ColumnProfile], rows: int, target: str | None = None) -> Roles | None:
    """Return what columns are for, None where none says when."""
    time = guess_time([column for column in columns if column.name != target])
    if time is None:
        return None
    return Roles(time=time.name, series=guess_series(columns, rows, time.name, target))


def look_like_series(columns: Sequence[ColumnProfile], rows: int) -> bool:
    """Whether a table is most likely series: moments, values, at most names beside them, about a row for each."""
    time = guess_time(columns)
    value = guess_value(columns, time.name if time else None)
    if time is None or value is None or time.distinct < FEWEST_MOMENTS:
        return False
    if time.kind == "number" and not TIME_WORDS.search(time.name):
        return False
    series = guess_series(columns, rows, time.name, value.name)
    others = [
        column
        for column in columns
        if column.name not in (time.name, value.name, *series) and column.kind != "empty" and column.distinct > 1
    ]
    if len(others) > 1:
        return False
    expected = float(time.distinct)
    for name in series:
        expected *= next(column.distinct for column in columns if column.name == name)
    return expected / SPREAD <= rows <= expected * 1.05


def _may_name(column: ColumnProfile, rows: int) -> bool:
    if not 2 <= column.distinct <= rows / 3:
        return False
    return column.kind in NAMING_KINDS or (column.kind == "number" and SERIES_WORDS.search(column.name) is not None)
