"""Numbers as people write them: separators, signs of currencies, units, marks.

A column's style is its decimal mark, "point" or "comma", and where its values carry a unit, a space and the unit:
"point kg". The unit is taken off and otherwise ignored, so that 12 kg is 12; values without it are read as well. The
unit "×" stands for magnitudes: 950, 1.2k, 3M and 1.5万 are then 950, 1200, 3000000 and 15000.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable

from modelyard.features.base import BadValue
from modelyard.features.words import MISSING, MISSING_WORDS, describe

NumberStyle = str

MAGNITUDES = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "千": 1e3, "万": 1e4, "亿": 1e8}
MAGNITUDE = "×"
UNIT_SHARE = 0.5
"""So many of the values must carry the unit, at least."""
LONGEST = 80
"""Longer texts are no number with a unit."""
PLURAL = 3
"""Longer units that end with an s are taken for plurals: 1 year, 3 years."""
ONE_UNIT_SHARE = 0.95
"""So many of the values with a unit must carry the same one: grams beside kilograms are not to be mixed."""

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_POINT = re.compile(r"[+-]?\d{1,3}(?:[,' ]\d{3})+(?:\.\d*)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[.' ]\d{3})+|\d+)(?:,\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_SURELY_POINT = re.compile(r"[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d+|0\.\d+)", re.ASCII)
_SURELY_COMMA = re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:[. ]\d{3})+,\d+|0,\d+)", re.ASCII)
_ODD_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " "))
_SIGNS = "$€£¥₹%￥"
_MARKS = "*†‡~≈"
"""Of footnotes and of what is about so: they do not change a number."""
_CURRENCIES = r"US\$|R\$|Rs|USD|EUR|GBP|CHF|INR|CNY|RMB|JPY|AUD|CAD|SEK|NOK|DKK|BRL|KRW|HKD|kr|元"
_BEFORE = re.compile(rf"(?P<unit>{_CURRENCIES})\.?\s*(?P<number>[+-]?[\d.].*)", re.IGNORECASE)
_AFTER = re.compile(
    r"(?P<number>[+-]?[\d.,' ]*\d[.,]?(?:[eE][+-]?\d+)?)\s*(?P<unit>[^\W\d_°][\w°µ²³/·^]{0,14}|°[^\W\d_]?)\.?"
)


def parse_number(value: object, style: NumberStyle = "point") -> float:
    """Return a finite float or NaN. Raises `BadValue` for what is no number: a list, a word, 0x1F."""
    if type(value) is float:
        return value if math.isfinite(value) else MISSING
    if isinstance(value, str):
        return _parse_text(value, style)
    if value is None:
        return MISSING
    if isinstance(value, (int, float)):
        try:
            return _finite(float(value))
        except OverflowError:
            return MISSING
    raise BadValue(f"must be a number, got {describe(value)}")


def _parse_text(text: str, style: NumberStyle) -> float:
    text = text.strip()
    if style == "point" and _PLAIN.fullmatch(text):
        return _finite(float(text))
    if text.lower() in MISSING_WORDS:
        return MISSING
    mark, _, unit = style.partition(" ")
    bare, negative = _without_signs(text)
    number = _read_written(bare, mark)
    if number is None and unit:
        number = _read_with_unit(bare, mark, unit)
    if number is None:
        raise BadValue(f"must be a number, got {describe(text)}")
    return _finite(-number if negative else number)


def _read_written(text: str, mark: str) -> float | None:
    """The number that `text` writes with thousands separators or a decimal comma; None where it writes none."""
    if mark == "comma":
        if _COMMA.fullmatch(text):
            return float(text.replace(".", "").replace(" ", "").replace("'", "").replace(",", "."))
        return float(text) if _PLAIN.fullmatch(text) else None
    if _PLAIN.fullmatch(text):
        return float(text)
    if _POINT.fullmatch(text):
        return float(text.replace(",", "").replace(" ", "").replace("'", ""))
    return None


def _read_with_unit(text: str, mark: str, unit: str) -> float | None:
    found = _split_unit(text)
    if found is None:
        return None
    bare, written = found
    if unit == MAGNITUDE:
        number = _read_written(bare, mark) if written in MAGNITUDES else None
        return None if number is None else number * MAGNITUDES[written]
    return _read_written(bare, mark) if written == unit else None


def _split_unit(text: str) -> tuple[str, str] | None:
    """Return the text of the number and the unit in lower case; None where there is no unit."""
    if len(text) > LONGEST:
        return None
    match = _AFTER.fullmatch(text) or _BEFORE.fullmatch(text)
    if match is None:
        return None
    number, _ = _without_signs(match["number"].strip())
    unit = match["unit"].lower()
    return number, unit[:-1] if len(unit) > PLURAL and unit.endswith("s") else unit


def _without_signs(text: str) -> tuple[str, bool]:
    """Take off a currency or percent sign and marks; (1,234) is the bookkeeper's negative."""
    text = text.translate(_ODD_SPACES).strip(_MARKS + " ")
    negative = len(text) > 2 and text[0] == "(" and text[-1] == ")"
    if negative:
        text = text[1:-1]
    if text[:1] in ("+", "-") and text[1:2] and text[1] in _SIGNS:
        text = text[0] + text[2:].lstrip()
    return text.strip(_SIGNS + " "), negative


def detect_number_style(texts: Iterable[object]) -> NumberStyle:
    """Return "comma" where texts show decimal commas (3829,55) and none shows a decimal point, else "point"; with the
    unit that they share."""
    commas = points = present = 0
    units: Counter[str] = Counter()
    for text in texts:
        if not isinstance(text, str):
            continue
        bare, _ = _without_signs(text.strip())
        present += bool(bare) and bare.lower() not in MISSING_WORDS
        if not _PLAIN.fullmatch(bare):
            found = _split_unit(bare)
            if found is not None:
                bare = found[0]
                units[found[1]] += 1
        commas += _SURELY_COMMA.fullmatch(bare) is not None
        points += _SURELY_POINT.fullmatch(bare) is not None
    mark = "comma" if commas and not points else "point"
    unit = _choose_unit(units, present)
    return f"{mark} {unit}" if unit else mark


def _choose_unit(units: Counter[str], present: int) -> str:
    if not units:
        return ""
    unit, count = units.most_common(1)[0]
    carrying = units.total()
    if set(units) <= set(MAGNITUDES) and (len(units) > 1 or carrying < ONE_UNIT_SHARE * present):
        return MAGNITUDE
    return unit if count >= ONE_UNIT_SHARE * carrying and carrying >= UNIT_SHARE * present else ""


def _finite(number: float) -> float:
    return number if math.isfinite(number) else MISSING
