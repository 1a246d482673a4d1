"""Dates as people and programs write them, to seconds since 1970 (UTC where no zone is given)."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from modelyard.features.base import BadValue

DateOrder = Literal["month", "day"]
"""What comes first in 03/04/2020."""

EPOCH = datetime(1970, 1, 1)
EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
MISSING = float("nan")
_MISSING_WORDS = frozenset(
    ["", "?", "-", "--", ".", "na", "n/a", "n.a.", "#n/a", "nan", "nat", "null", "none", "unknown"]
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "jan january januar",
            "feb february februar",
            "mar march märz mrz",
            "apr april",
            "may mai",
            "jun june juni",
            "jul july juli",
            "aug august",
            "sep sept september",
            "oct october okt oktober",
            "nov november",
            "dec december dez dezember",
        ],
        start=1,
    )
    for name in names.split()
}
_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_FORMS = tuple(
    re.compile(form + _TIME, re.ASCII | re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})日)?",
        r"(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})",
        r"(?P<first>\d{1,2})[-/](?P<other>\d{1,2})[-/](?P<year>\d{4}|\d{2})",
        r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?[ -](?P<name>[^\W\d]{3,9})\.?,?[ -](?P<year>\d{4}|\d{2})",
        r"(?P<name>[^\W\d]{3,9})\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})",
        r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})",
        r"(?P<name>[^\W\d]{3,9})\.?,?[ -](?P<year>\d{4})",
        r"(?P<year>\d{4})[ -](?P<name>[^\W\d]{3,9})",
        r"(?P<year>\d{4})[ -]?Q(?P<quarter>[1-4])",
        r"Q(?P<quarter>[1-4])[ -]?(?P<year>\d{4})",
        r"(?P<year>\d{4})",
    )
)
_SLASHED = _FORMS[3]
_LARGEST_SECONDS = 2.6e11
"""Seconds to the year 10,000; larger JSON numbers are taken for milliseconds."""


def parse_date(value: object, order: DateOrder = "month") -> float:
    """Return seconds since 1970, NaN where the value is missing or no such day exists (30 February).

    JSON numbers are seconds since 1970, or milliseconds where seconds would lie beyond the year 9999. Raises `BadValue`
    for what does not look like a date at all.
    """
    if isinstance(value, str):
        return _parse_text(value.strip(), order)
    if value is None:
        return MISSING
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_number(value)
    raise BadValue(f"must be a date such as 2026-01-31, got {type(value).__name__}")


def detect_date_order(texts: Iterable[object]) -> DateOrder | None:
    """Return what comes first where days and months are written 31/12/2020; None where no value tells or they
    contradict."""
    days = months = 0
    for text in texts:
        match = _SLASHED.fullmatch(text.strip()) if isinstance(text, str) else None
        if match:
            days += int(match["first"]) > 12
            months += int(match["other"]) > 12
    if bool(days) == bool(months):
        return None
    return "day" if days else "month"


def _parse_text(text: str, order: DateOrder) -> float:
    try:
        if len(text) >= 10 and text[4] == "-":
            return _seconds(datetime.fromisoformat(text))
    except ValueError:
        pass
    if text.lower() in _MISSING_WORDS:
        return MISSING
    for form in _FORMS:
        match = form.fullmatch(text)
        if match:
            return _from_parts(match.groupdict(), order)
    raise BadValue(f"must be a date such as 2026-01-31, got '{text[:40]}'")


def _from_parts(parts: dict[str, str | None], order: DateOrder) -> float:
    month = _read_month(parts)
    if month is None:
        raise BadValue(f"must be a date such as 2026-01-31; {parts['name']} is no month that is known here")
    year, day = int(parts["year"] or 0), int(parts.get("day") or 1)
    if len(parts["year"] or "") == 2:
        year += 1900 if year >= 70 else 2000
    if parts.get("first"):
        month, day = _settle_order(int(parts["first"] or 0), int(parts["other"] or 0), order)
    try:
        moment = datetime(year, month, day, *_read_clock(parts))
    except ValueError:
        return MISSING
    return _seconds(moment) + float("0." + (parts["fraction"] or "0")) - _read_offset(parts["zone"])


def _read_month(parts: dict[str, str | None]) -> int | None:
    if parts.get("name"):
        return _MONTHS.get((parts["name"] or "").lower())
    if parts.get("quarter"):
        return 3 * int(parts["quarter"] or 1) - 2
    return int(parts.get("month") or 1)


def _settle_order(first: int, other: int, order: DateOrder) -> tuple[int, int]:
    """Month and day of first/other; a number above 12 is the day whatever the order."""
    if first > 12 or (order == "day" and other <= 12):
        return other, first
    return first, other


def _read_clock(parts: dict[str, str | None]) -> tuple[int, int, int]:
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    half = (parts["half"] or "").lower()
    if half and not 1 <= hour <= 12:
        raise ValueError("no such hour")
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    return hour, minute, second


def _read_offset(zone: str | None) -> float:
    if zone is None or zone[0] not in "+-":
        return 0.0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return float(-seconds if zone[0] == "-" else seconds)


def _seconds(moment: datetime) -> float:
    return (moment - (EPOCH if moment.tzinfo is None else EPOCH_UTC)).total_seconds()


def _from_number(value: float) -> float:
    try:
        seconds = float(value)
    except OverflowError:
        return MISSING
    if abs(seconds) > _LARGEST_SECONDS:
        seconds /= 1000
    return seconds if math.isfinite(seconds) and -6.2135596800e10 <= seconds < _LARGEST_SECONDS else MISSING


def write_date(seconds: float) -> str:
    """Return seconds since 1970 as an ISO date, with the time where it is not midnight."""
    moment = EPOCH + timedelta(seconds=seconds)
    return moment.date().isoformat() if moment.time() == datetime.min.time() else moment.isoformat(sep=" ")
