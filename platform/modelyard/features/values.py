"""The one parser of raw values: ingesting, training and prediction read a value alike.

Numbers, flags and dates become floats (NaN = missing; dates are seconds since 1970, UTC), categories and texts become
trimmed text in Unicode's composed form (None = missing). What cannot be meant raises `BadValue`; training counts such
values and takes them for missing, prediction tells the caller.

Some writings are ambiguous by themselves: 12,345 and 03/04/2020. Which one a column means is decided once, from all its
training values (`detect_number_style`, `detect_date_order`), and kept with the fitted features.
"""

import unicodedata

from modelyard.features.base import BadValue
from modelyard.features.dates import DateOrder, detect_date_order, parse_date
from modelyard.features.number_texts import NumberStyle, detect_number_style, parse_number
from modelyard.features.words import FALSE_WORDS, MISSING, MISSING_WORDS, TRUE_WORDS, describe

__all__ = [
    "FALSE_WORDS",
    "MISSING_WORDS",
    "TRUE_WORDS",
    "DateOrder",
    "NumberStyle",
    "describe",
    "detect_date_order",
    "detect_number_style",
    "parse_category",
    "parse_date",
    "parse_flag",
    "parse_number",
    "parse_text",
]

LONGEST_TEXT = 10_000
"""Characters of a text that are looked at; the rest is cut."""


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
