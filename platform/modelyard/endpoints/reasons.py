"""What spoke for and against an answer, as the playground shows it: bars, marked words, a grid over a picture."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext as _

from modelyard.accounts.models import User
from modelyard.endpoints.calling import Prediction, PredictorAway, Refused, explain
from modelyard.endpoints.models import Endpoint
from modelyard.templatetags.display import NOTHING, number, percent

MOST_BARS = 12
HALF = 100.0
"""The length of the longest bar; the axis is in the middle."""
STRENGTHS = 5
AS_GOOD_AS_EXACT = 1e-6


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A column or a piece of text: what was sent, how much it spoke for (`is_for`) or against the answer."""

    title: str
    value: str
    gain: str
    is_for: bool
    start: float
    width: float


@dataclass(frozen=True, kw_only=True)
class Fragment:
    """A part of a text; `strength` is 0 for what says nothing and 5 for what says most."""

    text: str
    is_for: bool
    strength: int


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A part of a picture."""

    row: int
    column: int
    gain: str
    is_for: bool
    strength: int


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """From the usual answer (`base`) to this one (`answer`) by way of the bars, or of the `grid`, a list of lines.

    `label` is the class whose probability is told; `texts` are marked, by column; `error` is how far the figures are
    off at most, where they are sampled. With `problem` there is nothing else: it says why.
    """

    problem: str = ""
    label: str = ""
    base: str = ""
    answer: str = ""
    bars: Sequence[Bar] = ()
    texts: Sequence[tuple[str, Sequence[Fragment]]] = ()
    grid: Sequence[Sequence[Cell]] = ()
    error: str = ""


def ask_reasons(endpoint: Endpoint, row: dict[str, Any], prediction: Prediction, *, by: User) -> Reasons:
    """Ask the predictor; whatever keeps it from telling is told instead, for the answer is there already."""
    try:
        return reasons_of(explain(endpoint, row, prediction, by=by), row)
    except Refused as fault:
        if fault.status == HTTPStatus.NOT_IMPLEMENTED:
            return Reasons(
                problem=_(
                    "This version was trained before answers could be explained. Train it again to see what spoke for "
                    "and against them."
                )
            )
        return Reasons(problem=fault.message)
    except PredictorAway as fault:
        return Reasons(problem=fault.message)


def reasons_of(told: Mapping[str, Any], row: Mapping[str, Any]) -> Reasons:
    """Put an explanation of the predictor into words and shapes."""
    is_share = "label" in told
    framed = Reasons(
        label=str(told.get("label", "")),
        base=percent(told["base"], 1) if is_share else number(told["base"]),
        answer=percent(told["prediction"], 1) if is_share else number(told["prediction"]),
    )
    if "grid" in told:
        errors = [error for line in told["grid"]["standard_errors"] for error in line]
        grid = _draw_grid(told["grid"]["contributions"], is_share)
        return replace(framed, grid=grid, error=_error(errors, told))
    parts = told["contributions"]
    return replace(
        framed,
        bars=_draw_bars(parts, row, is_share),
        texts=_mark_texts(parts, row),
        error=_error([part["standard_error"] for part in parts], told),
    )


def _draw_bars(parts: Sequence[Mapping[str, Any]], row: Mapping[str, Any], is_share: bool) -> list[Bar]:
    """The largest first; what is left of them together."""
    shown, rest = parts[:MOST_BARS], parts[MOST_BARS:]
    entries = [(_title(part), _value(part, row), float(part["contribution"])) for part in shown]
    if rest:
        words = _("%(count)s others together") % {"count": number(len(rest))}
        entries.append((words, "", sum(float(part["contribution"]) for part in rest)))
    largest = max((abs(gain) for _title_, _value_, gain in entries), default=0.0) or 1.0
    return [
        Bar(
            title=title,
            value=value,
            gain=_signed(gain, is_share),
            is_for=gain >= 0,
            start=HALF if gain >= 0 else HALF - abs(gain) / largest * HALF,
            width=abs(gain) / largest * HALF,
        )
        for title, value, gain in entries
    ]


def _title(part: Mapping[str, Any]) -> str:
    return f"“{part['text']}”" if "text" in part else str(part["column"])


def _value(part: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["column"])
    value = row.get(part["column"])
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return NOTHING if value is None else number(value) if isinstance(value, int | float) else str(value)


def _mark_texts(parts: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> list[tuple[str, list[Fragment]]]:
    """Texts with the pieces that were told; strength is relative to the strongest piece."""
    pieces = sorted((part for part in parts if "text" in part), key=lambda part: (part["column"], part["start"]))
    largest = max((abs(part["contribution"]) for part in pieces), default=0.0) or 1.0
    texts: dict[str, list[Fragment]] = {}
    ends: dict[str, int] = {}
    for part in pieces:
        name, text = part["column"], str(row.get(part["column"], ""))
        gain, fragments = part["contribution"], texts.setdefault(part["column"], [])
        if text[ends.get(name, 0) : part["start"]]:
            fragments.append(Fragment(text=text[ends.get(name, 0) : part["start"]], is_for=True, strength=0))
        fragments.append(Fragment(text=part["text"], is_for=gain >= 0, strength=_strength(gain, largest)))
        ends[name] = part["end"]
    for name, fragments in texts.items():
        fragments.append(Fragment(text=str(row.get(name, ""))[ends[name] :], is_for=True, strength=0))
    return list(texts.items())


def _draw_grid(gains: Sequence[Sequence[float]], is_share: bool) -> list[list[Cell]]:
    largest = max((abs(gain) for line in gains for gain in line), default=0.0) or 1.0
    return [
        [
            Cell(
                row=down,
                column=across,
                gain=_signed(gain, is_share),
                is_for=gain >= 0,
                strength=_strength(gain, largest),
            )
            for across, gain in enumerate(line)
        ]
        for down, line in enumerate(gains)
    ]


def _strength(gain: float, largest: float) -> int:
    return round(STRENGTHS * abs(gain) / largest)


def _signed(gain: float, is_share: bool) -> str:
    """A difference with its sign; of a probability in per cent, which are points."""
    size = f"{number(abs(gain) * 100, 1)}%" if is_share else number(abs(gain))
    is_nothing = not any(sign in "123456789" for sign in size)
    return size if is_nothing else f"{'+' if gain > 0 else '−'}{size}"


def _error(errors: Sequence[float], told: Mapping[str, Any]) -> str:
    """The largest standard error, twice; nothing where the figures are exact or as good as."""
    most = 2 * max(errors, default=0.0)
    if most <= AS_GOOD_AS_EXACT * max(1.0, abs(told["prediction"])):
        return ""
    return _percent_up(most) if "label" in told else number(most)


def _percent_up(share: float) -> str:
    """A small share is never said to be nothing."""
    return f"{number(math.ceil(share * 1000) / 10, 1)}%"
