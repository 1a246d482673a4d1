"""Series from the rows of a table: on one calendar, each with a value or a gap for every period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.features.base import BadValue
from modelyard.features.dates import detect_date_order
from modelyard.features.series.calendars import Calendar, Irregular, are_plain, read_stamp
from modelyard.features.series.gaps import lay_out
from modelyard.features.series.requests import Columns, Key
from modelyard.features.series.smoothing import Floats
from modelyard.features.values import detect_number_style, parse_category, parse_number
from workers.training.failures import TrainingFailure

Texts = NDArray[np.object_]
TIME, SERIES = "time", "series"
"""The kinds in a plan that say which columns hold the moment and the name of a series."""
MOST_UNREADABLE = 0.05
MOST_REPEATED = 0.2
MOST_GAPS = 0.9
MOST_PERIODS = 100_000_000
FEWEST_STEPS = 8


@dataclass(frozen=True, kw_only=True)
class Panel:
    """`values` of each series from the period `first` on, NaN in gaps; `known` holds the texts of the columns whose
    future is known, a list for each column as long as the values."""

    columns: Columns
    calendar: Calendar
    keys: tuple[Key, ...]
    first: tuple[int, ...]
    values: tuple[Floats, ...]
    known: Mapping[str, tuple[Texts, ...]]
    rows: int
    unused: int
    notices: tuple[Sentence, ...]

    @property
    def ends(self) -> list[int]:
        """The last period of each series."""
        return [first + len(values) - 1 for first, values in zip(self.first, self.values, strict=True)]


def read_panel(plan: Plan) -> Panel:
    """Raises `TrainingFailure` for stamps that follow no calendar, and for rows that are no series."""
    texts = _read_texts(plan)
    time = next(name for name, kind in plan.kinds.items() if kind == TIME)
    ids = tuple(name for name, kind in plan.kinds.items() if kind == SERIES)
    target = plan.target or ""
    moments, plain = _read_moments(texts[time], time)
    style = detect_number_style(texts[target])
    values = _read_numbers(texts[target], style)
    kept = ~np.isnan(moments)
    notices = _tell_lost(int((~kept).sum()), time)
    texts = {name: column[kept] for name, column in texts.items()}
    moments, values = moments[kept], values[kept]
    keys, groups = _number_series([texts[name] for name in ids], len(moments))
    calendar = _fit_calendar(texts[time], moments, groups, time, plain=plain, kept=kept)
    indexes = calendar.indexes(moments)
    notices += _judge_repeats(indexes, groups, ids, len(moments))
    order_of = np.lexsort((indexes, groups))
    starts = np.flatnonzero(np.diff(groups[order_of], prepend=-1))
    members = np.split(order_of, starts[1:])
    first, laid = _lay_out_all(members, indexes, values, calendar)
    knowns = {
        name: tuple(_place(texts[name], rows, indexes, begin, len(line)) for rows, begin, line in zip(
            members, first, laid, strict=True
        ))
        for name in _known_names(plan)
    }  # fmt: skip
    gaps = sum(int(np.isnan(line).sum()) for line in laid)
    if gaps:
        notices.append(_("{count:,} periods without a value were filled in by season and neighbours.", count=gaps))
    return Panel(
        columns=Columns(time=time, series=ids, target=target, style=style),
        calendar=calendar,
        keys=tuple(keys),
        first=tuple(first),
        values=tuple(laid),
        known=knowns,
        rows=len(moments),
        unused=int((~kept).sum()),
        notices=tuple(notices),
    )


def _known_names(plan: Plan) -> list[str]:
    return [name for name, kind in plan.kinds.items() if kind not in (TIME, SERIES) and name != plan.target]


def _read_texts(plan: Plan) -> dict[str, Texts]:
    path = Path(plan.data) / "table.parquet"
    absent = sorted(set(plan.kinds) - set(parquet.read_schema(path).names))
    if absent:
        raise TrainingFailure(
            "column_vanished",
            _("the data set version has no column {names}", names=", ".join(map(repr, absent))),
            _("Request the run again, so that it is planned with the columns that the version has."),
        )
    content = parquet.read_table(path, columns=list(plan.kinds))
    return {name: np.array(content.column(name).to_pylist(), dtype=object) for name in plan.kinds}


def _read_moments(texts: Texts, name: str) -> tuple[Floats, bool]:
    """Every stamp as a moment, NaN where there is none; whether stamps are plain numbers."""
    distinct, places = np.unique(
        np.array([text or "" for text in texts], dtype=object).astype(str), return_inverse=True
    )
    known = [text for text in distinct.tolist() if text]
    plain, order = are_plain(known), detect_date_order(known) or "month"
    read = np.full(len(distinct), np.nan)
    for place, text in enumerate(distinct.tolist()):
        try:
            read[place] = read_stamp(text or None, order, plain=plain)
        except BadValue:
            continue
    moments = read[places]
    lost = np.isnan(moments)
    if lost.mean() > MOST_UNREADABLE:
        row = int(np.flatnonzero(lost)[0])
        raise TrainingFailure(
            "bad_time",
            _(
                "{count:,} of {rows:,} rows have no readable moment in '{name}'; the first is row {row:,}: '{text}'",
                count=int(lost.sum()),
                rows=len(moments),
                name=name,
                row=row + 1,
                text=str(texts[row])[:40],
            ),
            _("Write moments as 2026-01-31, 2026-01, 2026-Q1, 2026-W05 or 2026-01-31 14:00, or choose another column."),
        )
    return moments, plain


def _read_numbers(texts: Texts, style: str) -> Floats:
    values = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            values[row] = parse_number(text, "comma" if style == "comma" else "point")
        except BadValue:
            continue
    return values


def _tell_lost(count: int, name: str) -> list[Sentence]:
    if not count:
        return []
    return [_("{count:,} rows without a readable moment in '{name}' were left out.", count=count, name=name)]


def _number_series(columns: Sequence[Texts], rows: int) -> tuple[list[Key], NDArray[np.int64]]:
    """The names of the series in the order in which they appear, and which of them each row belongs to."""
    if not columns:
        return [()], np.zeros(rows, dtype=np.int64)
    cleaned = [[parse_category(text) or "" for text in column] for column in columns]
    numbers: dict[Key, int] = {}
    groups = np.array([numbers.setdefault(key, len(numbers)) for key in zip(*cleaned, strict=True)], dtype=np.int64)
    return list(numbers), groups


def _fit_calendar(
    texts: Texts, moments: Floats, groups: NDArray[np.int64], name: str, *, plain: bool, kept: NDArray[np.bool_]
) -> Calendar:
    try:
        return Calendar.fit([str(text) for text in texts], moments, groups, plain=plain)
    except Irregular as fault:
        row = int(np.flatnonzero(kept)[fault.place])
        raise TrainingFailure(
            "irregular",
            _(
                "{fault}: row {row:,} with '{text}' in '{name}' shows it",
                fault=_(fault.message),
                row=row + 1,
                text=str(texts[fault.place])[:40],
                name=name,
            ),
            _("Sum the rows up to a day, a week or a month first, or name the columns that tell series apart."),
        ) from fault


def _judge_repeats(
    indexes: NDArray[np.int64], groups: NDArray[np.int64], ids: Sequence[str], rows: int
) -> list[Sentence]:
    """Several rows for one period of one series: a few are averaged, many mean that a column was not named."""
    pairs = np.unique(np.stack([groups, indexes]), axis=1).shape[1]
    repeated = rows - pairs
    if repeated > MOST_REPEATED * rows:
        told = ", ".join(f"'{name}'" for name in ids) or _("none was named")
        raise TrainingFailure(
            "repeated_moments",
            _(
                "{count:,} of {rows:,} rows repeat a moment of their series; columns that tell series apart: {told}",
                count=repeated,
                rows=rows,
                told=told,
            ),
            _("Name every column that tells series apart, or sum the rows up to one for each moment."),
        )
    if repeated:
        return [_("{count:,} rows repeat a moment of their series; their mean counts.", count=repeated)]
    return []


def _lay_out_all(
    members: Sequence[NDArray[np.int64]], indexes: NDArray[np.int64], values: Floats, calendar: Calendar
) -> tuple[list[int], list[Floats]]:
    spans = [int(np.ptp(indexes[rows])) + 1 for rows in members]
    filled = sum(len(np.unique(indexes[rows])) for rows in members) / max(1, sum(spans))
    if sum(spans) > MOST_PERIODS or filled < 1.0 - MOST_GAPS:
        raise TrainingFailure(
            "irregular",
            _(
                "only {share:.1f} % of the periods have a row, when a period is a {period}",
                share=100 * filled,
                period=calendar.describe(),
            ),
            _("Sum the rows up to longer periods first, such as weeks or months."),
        )
    first, laid = [], []
    for rows in members:
        begin, line = lay_out(indexes[rows], values[rows])
        known = np.flatnonzero(~np.isnan(line))
        if len(known):
            line, begin = line[known[0] : known[-1] + 1], begin + int(known[0])
        first.append(begin)
        laid.append(line)
    return first, laid


def _place(texts: Texts, rows: NDArray[np.int64], indexes: NDArray[np.int64], begin: int, length: int) -> Texts:
    """The texts of one series by period, None where there is no row."""
    line: Texts = np.full(length, None, dtype=object)
    places = indexes[rows] - begin
    inside = (places >= 0) & (places < length)
    line[places[inside]] = texts[rows[inside]]
    return line
