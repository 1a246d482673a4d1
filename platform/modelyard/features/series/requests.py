"""What a row asks for: which series, from what past, which steps ahead.

{"shop": "A"}                                                    the horizon after the end of the training data
{"shop": "A", "horizon": 3}                                      the first three steps of it
{"shop": "A", "day": "2026-01-31"}                               the one step that is called so
{"shop": "B", "history": [{"day": "2026-01-01", "sales": 5}]}    from newer values, or for a new series
{"shop": "B", "history": [5, 7, 6], "start": "2026-01-01"}       the same, a value a step
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.features.base import BadValue
from modelyard.features.series.calendars import Calendar
from modelyard.features.series.effects import Effects
from modelyard.features.series.gaps import fill_gaps, lay_out
from modelyard.features.series.smoothing import Floats
from modelyard.features.values import NumberStyle, describe, parse_category, parse_number

HISTORY, START, HORIZON, FUTURE = "history", "start", "horizon", "future"
RESERVED = (HISTORY, START, HORIZON, FUTURE)
"""Names of inputs that are no columns of the data."""
LONGEST_HISTORY = 100_000
Key = tuple[str, ...]


class WrongRequest(ValueError):
    """What is wrong with a row, and at which input."""

    def __init__(self, column: str | None, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns of the data set and what they are for."""

    time: str
    series: tuple[str, ...]
    target: str
    style: NumberStyle = "point"


@dataclass(frozen=True)
class Past:
    """Values without gaps; `end` is the period of the last one."""

    values: Floats
    end: int

    def until(self, index: int) -> Floats:
        return self.values[: max(0, len(self.values) - (self.end - index))]


@dataclass(frozen=True)
class Request:
    """`past` is None where the stored one counts; `first` and `count` choose steps, `effects` (horizon,) are added."""

    key: Key
    past: Past | None
    first: int
    count: int
    effects: Floats


class RequestReader:
    """Reads rows. `periods` of `calendar` make a season; forecasts reach `horizon` steps."""

    def __init__(self, columns: Columns, calendar: Calendar, effects: Effects, period: int, horizon: int) -> None:
        self.columns = columns
        self.calendar = calendar
        self.effects = effects
        self.period = period
        self.horizon = horizon

    def read_key(self, row: Mapping[str, Any]) -> Key:
        """Return the series that a row names. Raises `WrongRequest`."""
        key = []
        for name in self.columns.series:
            try:
                key.append(parse_category(row.get(name)) or "")
            except BadValue as fault:
                raise WrongRequest(name, f"column '{name}' {fault.message}") from None
        return tuple(key)

    def read(self, row: Mapping[str, Any], key: Key, stored: Past | None, scale: float) -> Request:
        """Return what a row asks for; `scale` is that of the stored series. Raises `WrongRequest`."""
        past = self._read_past(row, stored, scale)
        known = past or stored
        if known is None:
            raise WrongRequest(*self._missing(row, key))
        first, count = self._read_steps(row, known.end)
        return Request(key, past, first, count, self._read_effects(row, known.end, first, count))

    # -- the past

    def _read_past(self, row: Mapping[str, Any], stored: Past | None, scale: float) -> Past | None:
        given = _parsed(row.get(HISTORY), HISTORY)
        if given is None:
            if row.get(START) not in (None, ""):
                raise WrongRequest(START, f"'{START}' says when '{HISTORY}' begins; send '{HISTORY}' with it")
            return None
        if not isinstance(given, list) or not given:
            raise WrongRequest(HISTORY, f"'{HISTORY}' must be a list of at least one value, got {describe(given)}")
        if len(given) > LONGEST_HISTORY:
            raise WrongRequest(HISTORY, f"'{HISTORY}' may have at most {LONGEST_HISTORY:,} values, got {len(given):,}")
        if isinstance(given[0], dict):
            indexes, values = self._read_records(given, scale)
        else:
            indexes, values = self._read_plain(row, given, stored)
        if not (~np.isnan(values)).any():
            raise WrongRequest(HISTORY, f"'{HISTORY}' holds no value that is not missing")
        start, laid = lay_out(indexes, values)
        last = int(np.flatnonzero(~np.isnan(laid))[-1])
        return self._join(stored, start, laid[: last + 1])

    def _join(self, stored: Past | None, start: int, values: Floats) -> Past:
        """Put newer values after the stored ones, or over them; what lies far behind stands for itself."""
        end = start + len(values) - 1
        if stored is None or start - stored.end > len(stored.values) or start <= stored.end - len(stored.values):
            return Past(fill_gaps(values, self.period), end)
        begin = stored.end - len(stored.values) + 1
        whole = np.full(end - begin + 1, np.nan)
        kept = stored.until(end)
        whole[: len(kept)] = kept
        newer = whole[start - begin :]
        newer[:] = np.where(np.isnan(values), newer, values)
        return Past(fill_gaps(whole, self.period), end)

    def _read_records(self, given: Sequence[Any], scale: float) -> tuple[np.ndarray, Floats]:
        indexes, values = [], []
        names = {self.columns.time, self.columns.target, *self.columns.series, *self.effects.names}
        for place, record in enumerate(given):
            where = f"'{HISTORY}' item {place}"
            if not isinstance(record, dict) or self.columns.time not in record or self.columns.target not in record:
                wanted = f'{{"{self.columns.time}": …, "{self.columns.target}": …}}'
                raise WrongRequest(HISTORY, f"{where} must be an object {wanted}, got {describe(record)}")
            if not record.keys() <= names:
                unknown = min(map(str, record.keys() - names))
                raise WrongRequest(
                    HISTORY, f"{where}: '{unknown:.80}' is no column; there are {', '.join(sorted(names))}"
                )
            try:
                indexes.append(self._index(record[self.columns.time]))
                value = parse_number(record[self.columns.target], self.columns.style)
                values.append(value - scale * self.effects.of(record))
            except BadValue as fault:
                raise WrongRequest(HISTORY, f"{where}: {fault.message}") from None
        return np.array(indexes), np.array(values)

    def _read_plain(
        self, row: Mapping[str, Any], given: Sequence[Any], stored: Past | None
    ) -> tuple[np.ndarray, Floats]:
        try:
            values = np.array([parse_number(value, self.columns.style) for value in given])
        except BadValue as fault:
            raise WrongRequest(HISTORY, f"'{HISTORY}': every value {fault.message}") from None
        start = row.get(START)
        if start not in (None, ""):
            try:
                first = self._index(start)
            except BadValue as fault:
                raise WrongRequest(START, f"'{START}' {fault.message}") from None
        elif stored is not None:
            first = stored.end + 1
        else:
            raise WrongRequest(START, f"'{HISTORY}' is a list of plain values; say in '{START}' when the first one was")
        return first + np.arange(len(values)), values

    def _index(self, stamp: object) -> int:
        moment = self.calendar.read(stamp)
        if np.isnan(moment):
            raise BadValue(f"must be a moment such as {self.calendar.write(0)}, got {describe(stamp)}")
        return self.calendar.index(moment)

    # -- the steps ahead

    def _read_steps(self, row: Mapping[str, Any], end: int) -> tuple[int, int]:
        time, wanted = row.get(self.columns.time), row.get(HORIZON)
        if time not in (None, ""):
            return self._step_of(time, end) - 1, 1
        if wanted in (None, ""):
            return 0, self.horizon
        try:
            count = parse_number(wanted)
        except BadValue as fault:
            raise WrongRequest(HORIZON, f"'{HORIZON}' {fault.message}") from None
        if not 1 <= count <= self.horizon or count != int(count):
            words = (
                f"'{HORIZON}' must be a whole number from 1 to {self.horizon}, which was trained; got {wanted!r:.40}"
            )
            raise WrongRequest(HORIZON, words)
        return 0, int(count)

    def _step_of(self, stamp: object, end: int) -> int:
        """How many steps ahead a stamp is, from 1."""
        name = self.columns.time
        try:
            step = self._index(stamp) - end
        except BadValue as fault:
            raise WrongRequest(name, f"column '{name}' {fault.message}") from None
        if 1 <= step <= self.horizon:
            return step
        first, last = self.calendar.write(end + 1), self.calendar.write(end + self.horizon)
        said = f"column '{name}': forecasts reach from {first} to {last}, got {describe(stamp)}"
        hint = "send newer values in 'history'" if step > 0 else "what lies before is known"
        more = " or train with a longer horizon" if step > 0 else ""
        raise WrongRequest(name, f"{said}; {hint}{more}")

    def _read_effects(self, row: Mapping[str, Any], end: int, first: int, count: int) -> Floats:
        """What the known columns add at each step, in the scale of the series; 0 where nothing is said of them."""
        added = np.zeros(self.horizon)
        if not self.effects.columns:
            return added
        try:
            if count == 1:
                added[first] = self.effects.of(row)
            future = _parsed(row.get(FUTURE), FUTURE)
            if future is None:
                return added
            if not isinstance(future, list) or not all(isinstance(record, dict) for record in future):
                raise WrongRequest(FUTURE, f"'{FUTURE}' must be a list of objects, one for each step ahead")
            for place, record in enumerate(future):
                stamp = record.get(self.columns.time)
                step = place + 1 if stamp is None else self._index(stamp) - end
                if 1 <= step <= self.horizon:
                    added[step - 1] = self.effects.of(record)
        except BadValue as fault:
            raise WrongRequest(FUTURE if row.get(FUTURE) is not None else None, fault.message) from None
        return added

    def _missing(self, row: Mapping[str, Any], key: Key) -> tuple[str | None, str]:
        if not self.columns.series:
            return HISTORY, f"send the past values in '{HISTORY}'"
        named = ", ".join(f"{name} = '{value:.60}'" for name, value in zip(self.columns.series, key, strict=True))
        said = f"the training data has no series with {named}"
        return self.columns.series[0], f"{said}; name one that it has, or send past values in '{HISTORY}'"


def _parsed(value: Any, name: str) -> Any:
    """A list as it came; a text, as tables have it, is read as JSON."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except ValueError:
        raise WrongRequest(name, f"'{name}' must be a list, or its JSON as a text; got {describe(value)}") from None
