"""Explanations in the words and shapes of the playground."""

from typing import Any

import pytest
from django.template.loader import render_to_string

from modelyard.endpoints.reasons import MOST_BARS, Reasons, reasons_of
from tests.artifacts import HOSTILE


def part(column: str, contribution: float, error: float = 0.0, **piece: Any) -> dict[str, Any]:
    return {"column": column, "contribution": contribution, "standard_error": error, **piece}


def told(*parts: dict[str, Any], label: str | None = "yes") -> dict[str, Any]:
    named = {} if label is None else {"label": label}
    total = 0.25 + sum(entry["contribution"] for entry in parts)
    return {**named, "base": 0.25, "prediction": total, "contributions": list(parts)}


def render(reasons: Reasons) -> str:
    return render_to_string("endpoints/_reasons.html", {"reasons": reasons})


def test_bars_lie_on_their_side_of_the_axis() -> None:
    reasons = reasons_of(told(part("age", 0.4), part("city", -0.1)), {"age": 41, "city": "Wien"})
    older, wien = reasons.bars

    assert (older.value, older.gain, older.is_for, older.start, older.width) == ("41", "+40.0%", True, 100.0, 100.0)
    assert (wien.value, wien.gain, wien.is_for, wien.start, wien.width) == ("Wien", "−10.0%", False, 75.0, 25.0)
    assert (reasons.base, reasons.answer, reasons.label) == ("25.0%", "55.0%", "yes")


def test_values_are_told_in_their_unit_and_gaps_as_such() -> None:
    reasons = reasons_of(told(part("size", 1200.5), part("note", 0.0), label=None), {"size": 81.5})

    assert [(bar.value, bar.gain) for bar in reasons.bars] == [("81.5", "+1,200"), ("–", "0")]
    assert reasons.answer == "1,201"


def test_many_columns_are_summed_up() -> None:
    parts = [part(f"c{number}", 0.01) for number in range(30)]
    bars = reasons_of(told(*parts), {}).bars

    assert len(bars) == MOST_BARS + 1
    assert (bars[-1].title, bars[-1].gain) == ("18 others together", "+18.0%")


def test_words_are_marked_where_they_stand() -> None:
    text = "Win 世界, now"
    pieces = [
        part("text", 0.5, start=4, end=5, text="世"),
        part("text", -0.2, start=5, end=6, text="界"),
        part("text", 0.0, start=0, end=3, text="Win"),
        part("price", 0.1),
    ]
    reasons = reasons_of(told(*pieces), {"text": text, "price": 3})
    ((column, fragments),) = reasons.texts

    assert column == "text"
    assert "".join(fragment.text for fragment in fragments) == text
    marks = [(fragment.text, fragment.is_for, fragment.strength) for fragment in fragments if fragment.strength]
    assert marks == [("世", True, 5), ("界", False, 2)]


@pytest.mark.parametrize(("error", "words"), [(0.0, ""), (1e-9, ""), (0.0004, "0.1%"), (0.01, "2.0%")])
def test_it_is_said_how_far_sampled_figures_may_be_off(error: float, words: str) -> None:
    assert reasons_of(told(part("age", 0.4, error)), {}).error == words


def test_a_grid_is_drawn_over_the_picture_and_told_as_a_table() -> None:
    grid = {"contributions": [[0.3, -0.1], [0.0, 0.0]], "standard_errors": [[0.0, 0.0], [0.0, 0.0]]}
    shown = render(reasons_of({"label": "cat", "base": 0.5, "prediction": 0.7, "grid": grid}, {}))

    assert shown.count("<rect") == 2
    assert "+30.0%" in shown
    assert "−10.0%" in shown


def test_strangers_words_are_escaped() -> None:
    shown = render(reasons_of(told(part(HOSTILE, 0.4), label=HOSTILE), {HOSTILE: HOSTILE}))

    assert "<script>" not in shown


def test_a_problem_is_all_that_is_shown() -> None:
    shown = render(Reasons(problem="Too many calls wait."))

    assert "Too many calls wait." in shown
    assert "<table" not in shown
