"""The one parser of raw values: ingesting, training and prediction read a value alike.

Numbers, flags and dates become floats (NaN = missing; dates are seconds since 1970, UTC), categories and texts become
trimmed text in Unicode's composed form (None = missing). What cannot be meant raises `BadValue`; training counts such
values and takes them for missing, prediction tells the caller.

Some writings are ambiguous by themselves: 12,345 and 03/04/2020. Which one a column means is decided once, from all its
training values (`detect_number_style`, `detect_date_order`), and kept with the fitted features.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from modelyard.features.base import BadValue
from modelyard.features.dates import DateOrder, detect_date_order, parse_date

__all__ = [
    "DateOrder",
    "NumberStyle",
    "detect_date_order",
    "detect_number_style",
    "parse_category",
    "parse_date",
    "parse_flag",
    "parse_number",
    "parse_text",
]

NumberStyle = Literal["point", "comma"]
MISSING = float("nan")
LONGEST_TEXT = 10_000
"""Characters of a text that are looked at; the rest is cut."""

MISSING_WORDS = frozenset(
    [
        "?",
        "-",
        "--",
        ".",
        "…",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#na",
        "<na>",
        "nan",
        "-nan",
        "null",
        "nil",
        "none",
        "missing",
        "unknown",
        "#div/0!",
        "#value!",
        "#ref!",
        "#num!",
        "#name?",
        "inf",
        "+inf",
        "-inf",
        "infinity",
        "+infinity",
        "-infinity",
        "1.#qnan",
        "-1.#ind",
        "1.#inf",
    ]
) | {"", "n. a.", "not available"}
"""Words that stand for a missing number, flag or date, in lower case. Categories and texts may well say NA and mean
it."""

TRUE_WORDS = frozenset(
    [
        "yes",
        "y",
        "true",
        "t",
        "1",
        "1.0",
        "on",
        "ja",
        "j",
        "oui",
        "si",
        "sí",
        "sim",
        "vrai",
        "wahr",
        "是",
        "对",
        "真",
        "да",
        "1.00",
    ]
)
FALSE_WORDS = frozenset(
    [
        "no",
        "n",
        "false",
        "f",
        "0",
        "0.0",
        "off",
        "nein",
        "non",
        "não",
        "faux",
        "falsch",
        "否",
        "不是",
        "错",
        "假",
        "нет",
        "0.00",
    ]
)

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_POINT = re.compile(r"[+-]?\d{1,3}(?:[,' ]\d{3})+(?:\.\d*)?", re.ASCII)
_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[.' ]\d{3})+|\d+)(?:,\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_SURELY_POINT = re.compile(r"[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|\d{1,3}(?:,\d{3})+\.\d+|0\.\d+)", re.ASCII)
_SURELY_COMMA = re.compile(r"[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:[. ]\d{3})+,\d+|0,\d+)", re.ASCII)
_ODD_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009", " "))
_UNITS = "$€£¥₹%￥"


def parse_number(value: object, style: NumberStyle = "point") -> float:
    """Return a finite float or NaN. Raises `BadValue` for what is no number: a list, a word, 0x1F."""
    if type(value) is float:
        return value if math.isfinite(value) else MISSING
    if isinstance(value, str):
        return _parse_number_text(value, style)
    if value is None:
        return MISSING
    if isinstance(value, (int, float)):
        try:
            return _finite(float(value))
        except OverflowError:
            return MISSING
    raise BadValue(f"must be a number, got {describe(value)}")


def _parse_number_text(text: str, style: NumberStyle) -> float:
    text = text.strip()
    if style == "point" and _PLAIN.fullmatch(text):
        return _finite(float(text))
    if text.lower() in MISSING_WORDS:
        return MISSING
    bare, negative = _without_units(text)
    number = _read_written(bare, style)
    if number is None:
        raise BadValue(f"must be a number, got {describe(text)}")
    return _finite(-number if negative else number)


def _read_written(text: str, style: NumberStyle) -> float | None:
    """The number that `text` writes with thousands separators or a decimal comma; None where it writes none."""
    if style == "comma":
        if _COMMA.fullmatch(text):
            return float(text.replace(".", "").replace(" ", "").replace("'", "").replace(",", "."))
        return float(text) if _PLAIN.fullmatch(text) else None
    if _PLAIN.fullmatch(text):
        return float(text)
    if _POINT.fullmatch(text):
        return float(text.replace(",", "").replace(" ", "").replace("'", ""))
    return None


def _without_units(text: str) -> tuple[str, bool]:
    """Take off a currency or percent sign; (1,234) is the bookkeeper's negative."""
    text = text.translate(_ODD_SPACES)
    negative = len(text) > 2 and text[0] == "(" and text[-1] == ")"
    if negative:
        text = text[1:-1]
    if text[:1] in "+-" and text[1:2] in _UNITS:
        text = text[0] + text[2:].lstrip()
    return text.strip(_UNITS + " "), negative


def detect_number_style(texts: Iterable[object]) -> NumberStyle:
    """Return "comma" where texts show decimal commas (3829,55) and none shows a decimal point, else "point"."""
    commas = points = 0
    for text in texts:
        if not isinstance(text, str):
            continue
        bare, _ = _without_units(text.strip())
        commas += _SURELY_COMMA.fullmatch(bare) is not None
        points += _SURELY_POINT.fullmatch(bare) is not None
    return "comma" if commas and not points else "point"


def parse_flag(value: object) -> float:
    """Return 1.0 (yes), 0.0 (no) or NaN. Raises `BadValue` for any other word."""
    if value is None:
        return MISSING
    if isinstance(value, (bool, int, float)):
        if value in (0, 1):
            return float(value)
        if value != value:
            return MISSING
    if isinstance(value, str):
        word = value.strip().lower()
        if word in TRUE_WORDS:
            return 1.0
        if word in FALSE_WORDS:
            return 0.0
        if word in MISSING_WORDS:
            return MISSING
    raise BadValue(f"must be yes or no, got {describe(value)}")


def parse_category(value: object) -> str | None:
    """Return the text of a category, None where it is missing. Raises `BadValue` for a list or an object."""
    if isinstance(value, str):
        text = value.strip()
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        return text[:LONGEST_TEXT] or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, int):
        try:
            return str(value)
        except ValueError:
            raise BadValue("must be a text, got a number of thousands of digits") from None
    raise BadValue(f"must be a text, got {describe(value)}")


parse_text = parse_category


def describe(value: object) -> str:
    """Return `value` as an error message may show it: short, its kind told where it is no text."""
    if isinstance(value, str):
        return f"'{value[:40]}…'" if len(value) > 40 else f"'{value}'"
    names = {
        dict: "an object",
        list: "a list",
        bool: "true or false",
        bytes: "bytes",
        int: "a number",
        float: "a number",
    }
    return names.get(type(value), type(value).__name__)


def _finite(number: float) -> float:
    return number if math.isfinite(number) else MISSING
