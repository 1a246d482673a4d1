"""What kind of values a column holds, guessed from its survey; people can correct it."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from modelyard.contracts.profile import ColumnKind
from modelyard.features.base import BadValue
from modelyard.features.values import (
    FALSE_WORDS,
    MISSING_WORDS,
    TRUE_WORDS,
    DateOrder,
    NumberStyle,
    detect_date_order,
    detect_number_style,
    parse_date,
    parse_number,
)
from workers.ingesting.surveying import Survey

NUMBER_SHARE = 0.95
DATE_SHARE = 0.80
REAL_DATE_SHARE = 0.20
_IDENTIFIER_SHARE = 0.98
_IDENTIFIER_ROWS = 20
_TEXT_VALUES = 20
_LEADING_ZERO = re.compile(r"[+-]?0\d+")
_WHOLE = re.compile(r"[+-]?\d+")
_IDENTIFIER_NAME = re.compile(
    r"(^|[_\s.-])(id|uuid|guid|key|index|row|rowid|no|nr|编号|序号)$|^unnamed|[a-z](Id|ID|Key)$|^#$"
)
_UNNAMED = re.compile(r"column_\d+")
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_EVIDENCE_VALUES = 5_000


@dataclass(frozen=True)
class Guess:
    """A kind, and how to read the values where writings are ambiguous.

    The shares tell what part of the present values can be read as numbers and as dates, whatever the kind.
    """

    kind: ColumnKind
    style: NumberStyle = "point"
    order: DateOrder | None = None
    number_share: float = 0.0
    date_share: float = 0.0
    leading_zeros: bool = False


def guess_kind(survey: Survey) -> Guess:
    """Return the kind that most of the values fit."""
    if survey.present == 0:
        return Guess("empty")
    evidence = survey.counts.most_common(_EVIDENCE_VALUES) if survey.complete else list(survey.counts.items())
    if _is_flag(evidence):
        return Guess("flag")
    words = [value for value, _ in evidence]
    style = detect_number_style(words)
    numbers = _share(evidence, lambda value: _reads_number(value, style))
    zeros = any(_LEADING_ZERO.fullmatch(word) for word in words)
    if numbers >= NUMBER_SHARE and not zeros:
        return Guess(_kind_of_numbers(survey, words), style=style, number_share=numbers)
    order = detect_date_order(words)
    dates = _share(evidence, lambda value: reads_date(value, order) is not None)
    real = _share(evidence, lambda value: math.isfinite(reads_date(value, order) or math.nan))
    if dates >= DATE_SHARE and real >= REAL_DATE_SHARE and not zeros:
        return Guess("date", order=order, number_share=numbers, date_share=dates)
    kind = "category" if zeros and numbers >= NUMBER_SHARE else _kind_of_words(survey, words)
    return Guess(kind, style=style, number_share=numbers, date_share=dates, leading_zeros=zeros and numbers > 0.5)


def _is_flag(evidence: list[tuple[str, int]]) -> bool:
    words = {value.lower() for value, _ in evidence} if len(evidence) <= 30 else {"?"}
    if words <= {"0.0", "1.0", "0.00", "1.00"}:
        return False
    return bool(words & TRUE_WORDS) and bool(words & FALSE_WORDS) and words <= TRUE_WORDS | FALSE_WORDS | MISSING_WORDS


def _share(evidence: list[tuple[str, int]], test: Callable[[str], bool]) -> float:
    """The share of values, by how often they occur and words for "missing" apart, that pass `test`."""
    present = [(value, count) for value, count in evidence if value.lower() not in MISSING_WORDS]
    total = sum(count for _, count in present)
    return sum(count for value, count in present if test(value)) / total if total else 0.0


def _reads_number(value: str, style: NumberStyle) -> bool:
    try:
        return math.isfinite(parse_number(value, style))
    except BadValue:
        return False


def reads_date(value: str, order: DateOrder | None) -> float | None:
    """Return the seconds of a date, NaN for a day that does not exist, None for what is no date."""
    if value.isdecimal() and len(value) != 8:
        return None
    try:
        return parse_date(value, order or "month")
    except BadValue:
        return None


def _kind_of_numbers(survey: Survey, words: list[str]) -> ColumnKind:
    whole = all(_WHOLE.fullmatch(word) for word in words)
    if survey.distinct == 2 and all(_PLAIN.fullmatch(word) for word in words):
        return "category"
    if (
        whole
        and survey.missing == 0
        and survey.rows >= _IDENTIFIER_ROWS
        and survey.distinct > _IDENTIFIER_SHARE * survey.rows
    ):
        named = _IDENTIFIER_NAME.search(survey.name) or _IDENTIFIER_NAME.search(survey.name.lower())
        if named or (_UNNAMED.fullmatch(survey.name) and _counts_rows(words)):
            return "identifier"
    return "number"


def _counts_rows(words: list[str]) -> bool:
    """0, 1, 2, … or 1, 2, 3, … in the order of the rows, judged by the values that come first."""
    try:
        numbers = [int(word[:18]) for word in words]
    except ValueError:
        return False
    return sorted(numbers) == list(range(min(numbers), min(numbers) + len(numbers))) and min(numbers) in (0, 1)


def _kind_of_words(survey: Survey, words: list[str]) -> ColumnKind:
    mean_words = _mean(len(word.split()) for word in words)
    mean_length = _mean(len(word) for word in words)
    ideographs = _mean(len(_IDEOGRAPH.findall(word[:200])) for word in words)
    varied = survey.distinct >= _TEXT_VALUES and survey.distinct > 0.01 * survey.rows
    if varied and (mean_words >= 3 or mean_length >= 50 or ideographs >= 8):
        return "text"
    if survey.present >= _IDENTIFIER_ROWS and survey.distinct > _IDENTIFIER_SHARE * survey.present:
        return "text" if mean_words >= 2 else "identifier"
    return "category"


def _mean(numbers: Iterable[int]) -> float:
    values = list(numbers)
    return sum(values) / len(values) if values else 0.0
