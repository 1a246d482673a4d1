"""The calendar of a series: moments read in many writings, counted in periods, written back as they came.

A period is a number of months, of seconds, of working days, or of plain numbers; the index of a moment counts periods
since 1970 (since 0 for plain numbers). Stamps that lie within a period belong to it.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.sentences import sentence as _
from modelyard.features.base import BadValue
from modelyard.features.dates import DateOrder, detect_date_order, parse_date
from modelyard.features.values import describe, parse_number

Unit = Literal["months", "seconds", "workdays", "numbers"]
Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]

SINGLE = str(_("every series has a single moment"))
NO_DISTANCE = str(_("the moments keep to no regular distance"))
DAY = 86_400.0
MONTH_END = 31
TOLERANCE = 0.25
"""Of a period, by which a stamp may be off and is still taken for the nearest one."""
ODD_STAMPS = 0.05
"""The share of stamps that may be further off."""
NEARLY = 0.02
"""Of a usual distance, by which the median of all may miss it and still mean it."""
EPOCH = datetime(1970, 1, 1)
_WEEK = re.compile(r"(\d{4})-?W(\d{1,2})(?:-?([1-7]))?", re.IGNORECASE)
_SECONDS = re.compile(r"-?\d{9,10}(?:\.\d+)?")
_MILLISECONDS = re.compile(r"-?\d{12,13}")
_PLAIN = re.compile(r"[+-]?\d+(?:\.\d+)?")
_FORMATS = (
    "%Y-%m-%d", "%Y-%m", "%Y", "%Y/%m/%d", "%Y/%m", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y",
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M", "%d.%m.%Y %H:%M", "%b %Y", "%B %Y", "%b-%Y", "%d %b %Y", "%m/%Y", "%Y年%m月", "%Y年%m月%d日",
)  # fmt: skip
_WRITINGS: Mapping[str, Callable[[datetime], str]] = {
    "quarter": lambda moment: f"{moment.year}Q{_quarter(moment)}",
    "quarter spaced": lambda moment: f"{moment.year} Q{_quarter(moment)}",
    "quarter dashed": lambda moment: f"{moment.year}-Q{_quarter(moment)}",
    "quarter first": lambda moment: f"Q{_quarter(moment)} {moment.year}",
    "week": lambda moment: "{}-W{:02d}".format(*moment.isocalendar()),
    "week short": lambda moment: "{}W{:02d}".format(*moment.isocalendar()),
    "week day": lambda moment: "{}-W{:02d}-{}".format(*moment.isocalendar()),
    "seconds": lambda moment: str(round((moment - EPOCH).total_seconds())),
    "milliseconds": lambda moment: str(round((moment - EPOCH).total_seconds() * 1000)),
}
_USUAL = (60.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0, DAY, 7 * DAY)
_SEASONS_OF_MONTHS = {1: (12,), 2: (6,), 3: (4,), 4: (3,), 6: (2,)}


class Irregular(ValueError):
    """Stamps that follow no calendar. `place` is the one that shows it, as a number among those given."""

    def __init__(self, message: str, place: int) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """`step` periods of the unit apart, `phase` of the first; `day` of the month (31: its last), their `writing`."""

    unit: Unit
    step: float
    phase: float = 0.0
    day: int = 1
    writing: str = "%Y-%m-%d"
    order: DateOrder = "month"

    def read(self, value: object) -> float:
        """Return a moment as seconds since 1970 (or as the number that it is). Raises `BadValue`."""
        return read_stamp(value, self.order, plain=self.unit == "numbers")

    def index(self, moment: float) -> int:
        """The number of the period that holds a moment."""
        return int(self.indexes(np.array([moment]))[0])

    def indexes(self, moments: Floats) -> Indexes:
        if self.unit == "months":
            months = _months(moments)
            return np.asarray(np.floor_divide(months - int(self.phase), int(self.step)), dtype=np.int64)
        if self.unit == "workdays":
            days = np.floor(moments / DAY).astype("datetime64[D]")
            return np.asarray(np.busday_count("1970-01-01", days), dtype=np.int64)
        return np.asarray(np.floor((moments - self.phase) / self.step + TOLERANCE), dtype=np.int64)

    def moment(self, index: int) -> float:
        """The stamp of a period, as a moment."""
        if self.unit == "months":
            month = index * int(self.step) + int(self.phase)
            year, number = divmod(month, 12)
            return _clamped(1970 + year, number + 1, self.day)
        if self.unit == "workdays":
            return float(np.busday_offset("1970-01-01", index, roll="forward").astype("int64")) * DAY
        return index * self.step + self.phase

    def write(self, index: int) -> str | float:
        """The stamp of a period as the data writes it; plain numbers stay numbers."""
        moment = self.moment(index)
        if self.unit == "numbers":
            return int(moment) if moment == int(moment) else round(moment, 9)
        when = EPOCH + timedelta(seconds=moment)
        if self.writing in _WRITINGS:
            return _WRITINGS[self.writing](when)
        return when.strftime(self.writing)

    def seasons(self) -> tuple[int, ...]:
        """How many periods make a season, the shortest first; (1,) where nothing is known."""
        if self.unit == "months":
            return _SEASONS_OF_MONTHS.get(int(self.step), (1,))
        if self.unit == "workdays":
            return (5,)
        if self.unit == "numbers":
            return (1,)
        lengths = {
            86_400: (7 * DAY, 364 * DAY), 3600: (DAY, 7 * DAY), 60: (DAY, 7 * DAY) if self.step > 600 else (3600.0, DAY)
        }  # fmt: skip
        if self.step >= 28 * DAY:
            return (1,)
        if self.step >= 6.5 * DAY:
            return (round(52 * 7 * DAY / self.step),) if self.step < 15 * DAY else (1,)
        chosen = next((wanted for size, wanted in lengths.items() if self.step >= size), (60.0, 3600.0))
        return tuple(round(length / self.step) for length in chosen if length / self.step >= 2) or (1,)

    def describe(self) -> str:
        """The length of a period in words."""
        names: dict[str, dict[float, str]] = {
            "months": {1: "month", 3: "quarter", 12: "year"},
            "seconds": {1: "second", 60: "minute", 3600: "hour", DAY: "day", 7 * DAY: "week"},
            "workdays": {1: "working day"},
            "numbers": {1: "step"},
        }
        if self.step in names[self.unit]:
            return names[self.unit][self.step]
        for size, word in sorted(names["seconds"].items(), reverse=True) if self.unit == "seconds" else ():
            if self.step % size == 0:
                return f"{self.step / size:g} {word}s"
        return f"{self.step:g} {self.unit}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)

    @classmethod
    def fit(cls, texts: Sequence[str], moments: Floats, groups: NDArray[np.int64], *, plain: bool) -> Self:
        """Find the calendar of stamps; `groups` number the series that they belong to. Raises `Irregular`."""
        writing, order = detect_writing(texts), detect_date_order(texts) or "month"
        gaps, places = _gaps(moments, groups)
        if not len(gaps):
            raise Irregular(SINGLE, 0)
        if plain:
            step, phase = _fit_step(moments, gaps, places)
            return cls(unit="numbers", step=step, phase=phase, writing="number", order=order)
        months = _fit_months(moments, gaps)
        if months is not None:
            count, day = months
            begin = int(_months(moments)[0]) % count
            return cls(unit="months", step=count, phase=begin, day=day, writing=writing, order=order)
        if _are_workdays(moments, gaps):
            return cls(unit="workdays", step=1.0, writing=writing, order=order)
        step, phase = _fit_step(moments, gaps, places)
        return cls(unit="seconds", step=step, phase=phase, writing=writing, order=order)


def read_stamp(value: object, order: DateOrder = "month", *, plain: bool = False) -> float:
    """Return seconds since 1970, or the number itself where stamps are `plain` numbers. Raises `BadValue`."""
    if plain:
        return parse_number(value)
    if isinstance(value, str):
        text = value.strip()
        week = _WEEK.fullmatch(text)
        if week:
            try:
                day = date.fromisocalendar(int(week[1]), int(week[2]), int(week[3] or 1))
            except ValueError:
                raise BadValue(f"must be a week that exists, got {describe(text)}") from None
            return (day - EPOCH.date()).days * DAY
        if _SECONDS.fullmatch(text) or _MILLISECONDS.fullmatch(text):
            return parse_date(float(text))
        return parse_date(re.sub(r"^(\d{4})[ -](Q[1-4])$", r"\1\2", text), order)
    return parse_date(value, order)


def are_plain(texts: Sequence[str]) -> bool:
    """Whether stamps are numbers that count steps, rather than years, dates or seconds since 1970."""
    if not texts or not all(_PLAIN.fullmatch(text) for text in texts):
        return False
    if all(re.fullmatch(r"(?:1[5-9]|2[01])\d\d", text) for text in texts):
        return False
    if all(re.fullmatch(r"(?:19|20)\d\d[01]\d[0-3]\d", text) for text in texts):
        return False
    return not all(_SECONDS.fullmatch(text) or _MILLISECONDS.fullmatch(text) for text in texts)


def detect_writing(texts: Sequence[str]) -> str:
    """Return how stamps are written: a format of `strftime`, or the name of one that it does not know."""
    sample = [text.strip() for text in texts[:: max(1, len(texts) // 200)]]
    order = detect_date_order(texts)
    named: dict[str, str] = {
        "quarter": r"\d{4}Q[1-4]",
        "quarter spaced": r"\d{4} Q[1-4]",
        "quarter dashed": r"\d{4}-Q[1-4]",
        "quarter first": r"Q[1-4] \d{4}",
        "week": r"\d{4}-W\d\d",
        "week short": r"\d{4}W\d\d",
        "week day": r"\d{4}-W\d\d-\d",
        "seconds": r"\d{9,10}",
        "milliseconds": r"\d{12,13}",
    }
    for name, pattern in named.items():
        if all(re.fullmatch(pattern, text) for text in sample):
            return name
    for form in _FORMATS:
        if order == "day" and form.startswith("%m/%d"):
            continue
        if (order or "month") == "month" and form.startswith("%d/%m"):
            continue
        if all(_is_written(text, form) for text in sample):
            return form
    return "%Y-%m-%d" if all(":" not in text for text in sample) else "%Y-%m-%dT%H:%M:%S"


def _is_written(text: str, form: str) -> bool:
    try:
        return datetime.strptime(text, form).strftime(form) == text
    except ValueError:
        return False


def _quarter(moment: datetime) -> int:
    return (moment.month + 2) // 3


def _months(moments: Floats) -> Indexes:
    """Whole months since January 1970."""
    days = np.floor(moments / DAY).astype("datetime64[D]")
    return np.asarray(days.astype("datetime64[M]").astype(np.int64))


def _clamped(year: int, month: int, day: int) -> float:
    """Seconds of a day of a month, of its last where it has fewer."""
    following = date(year + month // 12, month % 12 + 1, 1)
    last = (following - timedelta(days=1)).day
    return datetime(year, month, min(day, last), tzinfo=UTC).timestamp()


def _gaps(moments: Floats, groups: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """The distances between neighbours of one series, and the place of the later one."""
    order = np.lexsort((moments, groups))
    ordered, of = moments[order], groups[order]
    gaps = np.diff(ordered)
    inside = (np.diff(of) == 0) & (gaps > 0)
    return gaps[inside], order[1:][inside]


def _fit_months(moments: Floats, gaps: Floats) -> tuple[int, int] | None:
    """Months between stamps and the day of the month, None where stamps do not keep to one."""
    if np.median(gaps) < 27 * DAY or (moments % DAY).max() - (moments % DAY).min() > 0:
        return None
    days = np.floor(moments / DAY).astype("datetime64[D]")
    numbers = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    is_last = (days + 1).astype("datetime64[M]") != days.astype("datetime64[M]")
    if is_last.all() and len(np.unique(numbers)) > 1:
        day = MONTH_END
    elif len(np.unique(numbers)) == 1:
        day = int(numbers[0])
    else:
        return None
    steps = np.round(gaps / (30.44 * DAY)).astype(np.int64)
    step = int(np.gcd.reduce(np.unique(steps)))
    return next(size for size in (12, 6, 4, 3, 2, 1) if step % size == 0), day


def _are_workdays(moments: Floats, gaps: Floats) -> bool:
    if np.median(gaps) != DAY or (gaps % DAY).any():
        return False
    weekdays = (np.floor(moments / DAY).astype(np.int64) + 3) % 7
    return bool((weekdays < 5).all() and len(moments) > 10)


def _fit_step(moments: Floats, gaps: Floats, places: NDArray[np.int64]) -> tuple[float, float]:
    """The distance that most neighbours have, which all others must be multiples of; and where counting begins."""
    rounded = Counter(np.round(gaps, 3).tolist())
    step = max(rounded, key=lambda size: (rounded[size], -size))
    step = next((size for size in _USUAL if abs(size - np.median(gaps)) < NEARLY * size), step)
    shares = np.abs(gaps / step - np.round(gaps / step))
    if (shares > TOLERANCE).mean() > ODD_STAMPS and rounded[step] < 0.5 * len(gaps):
        step = float(np.median(gaps))
        shares = np.abs(gaps / step - np.round(gaps / step))
    off = shares > TOLERANCE
    if off.mean() > ODD_STAMPS:
        raise Irregular(NO_DISTANCE, int(places[off][0]))
    remainders = moments - step * np.floor(moments / step)
    common = Counter(np.round(remainders, 3).tolist()).most_common(1)[0][0]
    return float(step), float(common) if math.isfinite(common) else 0.0
