"""Numbers with units, magnitudes and marks: what is read, what is refused, and that columns decide."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.features.base import BadValue
from modelyard.features.values import detect_number_style, parse_number


@pytest.mark.parametrize(
    ("texts", "style", "numbers"),
    [
        (["12 kg", "13.5 kg", "9kg", "14 Kg", "15"], "point kg", [12, 13.5, 9, 14, 15]),
        (["1 year", "3 years", "10 years."], "point year", [1, 3, 10]),
        (["12,5 cm", "3,75 cm"], "comma cm", [12.5, 3.75]),
        (["USD 1,200", "USD 3,400.50"], "point usd", [1200, 3400.5]),
        (["75 °F", "71°F"], "point °f", [75, 71]),
        (["100 km/h", "90 km/h"], "point km/h", [100, 90]),
        (["1.2k", "950", "3M"], "point ×", [1200, 950, 3_000_000]),
        (["15万", "3.2万", "9000"], "point ×", [150_000, 32_000, 9000]),
        (["12*", "13", "~14", "≈ 15†"], "point", [12, 13, 14, 15]),
        (["(12 kg)", "-3 kg"], "point kg", [-12, -3]),
    ],
)
def test_units_and_marks_are_taken_off(texts: list[str], style: str, numbers: list[float]) -> None:
    assert detect_number_style(texts) == style
    assert [parse_number(text, style) for text in texts] == numbers


@pytest.mark.parametrize(
    "texts",
    [
        ["12 kg", "500 g", "3 kg"],
        ["A12", "A13", "B1"],
        ["1st", "2nd", "3rd"],
        ["12 a", "13 b", "14 c"],
        ["flat", "3 rooms", "house"],
        ["5-10", "10-20"],
    ],
)
def test_what_is_no_single_unit_stays_text(texts: list[str]) -> None:
    style = detect_number_style(texts)
    assert style == "point"
    with pytest.raises(BadValue):
        parse_number(texts[0], style)


def test_a_unit_that_the_column_did_not_have_is_refused() -> None:
    with pytest.raises(BadValue, match="12 g"):
        parse_number("12 g", "point kg")


@given(st.text(max_size=200), st.sampled_from(["point", "comma", "point kg", "comma ×"]))
def test_no_text_breaks_the_parser(text: str, style: str) -> None:
    detect_number_style([text])
    with suppress(BadValue):
        parse_number(text, style)
