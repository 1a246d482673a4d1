"""One value at a time: what it means, what counts as missing, what is refused."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.features.base import BadValue
from modelyard.features.values import (
    detect_date_order,
    detect_number_style,
    parse_category,
    parse_date,
    parse_flag,
    parse_number,
)


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        (3, 3.0),
        (" 12.5 ", 12.5),
        ("1e-3", 0.001),
        ("-.5", -0.5),
        ("1,234.5", 1234.5),
        ("1 234", 1234.0),
        ("$ 12", 12.0),
        ("(1,200)", -1200.0),
        ("7 %", 7.0),
        (True, 1.0),
    ],
)
def test_numbers_are_read(raw: object, number: float) -> None:
    assert parse_number(raw) == number


@pytest.mark.parametrize(
    "raw", [None, "", "?", "NA", "N/A", "N.A.", "#DIV/0!", "nan", "inf", "1e400", 10**400, math.inf, math.nan]
)
def test_what_stands_for_nothing_or_for_infinity_is_missing(raw: object) -> None:
    assert math.isnan(parse_number(raw))


@pytest.mark.parametrize("raw", ["abc", "0x1F", "1_000", "12 apples", [1], {"a": 1}, "--5", "1.2.3"])
def test_what_is_no_number_is_refused_with_what_came(raw: object) -> None:
    with pytest.raises(BadValue, match="must be a number, got"):
        parse_number(raw)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_being_written(number: float) -> None:
    assert parse_number(repr(number)) == number
    assert parse_number(number) == number


@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (parse_number, parse_flag, parse_date):
        try:
            value = parse(text)
        except BadValue:
            continue
        assert not math.isinf(value)
    parse_category(text)


def test_a_column_with_decimal_commas_is_recognised() -> None:
    assert detect_number_style(["3829,55", "12", None, "1.234,5"]) == "comma"
    assert detect_number_style(["12.345", "1,200", "7"]) == "point"
    assert parse_number("1.234,5", "comma") == 1234.5
    assert parse_number("3829,55", "comma") == 3829.55


@pytest.mark.parametrize("raw", ["yes", "Y", " TRUE ", "1", "1.0", "ja", "是", True, 1])
def test_yes_is_yes(raw: object) -> None:
    assert parse_flag(raw) == 1.0


@pytest.mark.parametrize("raw", ["no", "N", "False", "0", "nein", "否", False, 0])
def test_no_is_no(raw: object) -> None:
    assert parse_flag(raw) == 0.0


def test_another_word_is_no_flag() -> None:
    with pytest.raises(BadValue, match="must be yes or no"):
        parse_flag("maybe")
    assert math.isnan(parse_flag("n/a"))


def seconds(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026-01-31", (2026, 1, 31)),
        ("2011-01-16 14:00:00", (2011, 1, 16, 14)),
        ("2011-01-16T14:00:00Z", (2011, 1, 16, 14)),
        ("2011-01-16T14:00:00+02:00", (2011, 1, 16, 12)),
        ("2026/1/5", (2026, 1, 5)),
        ("31.12.2020", (2020, 12, 31)),
        ("31/12/2020", (2020, 12, 31)),
        ("03/04/2020", (2020, 3, 4)),
        ("Jan 5, 2020", (2020, 1, 5)),
        ("5 January 2020", (2020, 1, 5)),
        ("1949-01", (1949, 1, 1)),
        ("1998 Q3", (1998, 7, 1)),
        ("1998Q1", (1998, 1, 1)),
        ("2026年1月31日", (2026, 1, 31)),
        ("1/5/2020 3:07 PM", (2020, 1, 5, 15, 7)),
        ("20200131", (2020, 1, 31)),
    ],
)
def test_dates_are_read(raw: str, moment: tuple[int, ...]) -> None:
    assert parse_date(raw) == seconds(*moment)


@pytest.mark.parametrize("raw", ["2023-02-30", "31.04.2020", "99/99/2020", "0000-00-00", None, "", "n/a"])
def test_days_that_never_were_are_missing(raw: object) -> None:
    assert math.isnan(parse_date(raw))


@pytest.mark.parametrize("raw", ["soon", "12 o'clock", [2020], True])
def test_what_is_no_date_is_refused(raw: object) -> None:
    with pytest.raises(BadValue, match="must be a date"):
        parse_date(raw)


def test_the_order_of_day_and_month_is_taken_from_the_column() -> None:
    assert detect_date_order(["03/04/2020", "25/04/2020"]) == "day"
    assert detect_date_order(["03/04/2020", "04/25/2020"]) == "month"
    assert detect_date_order(["25/04/2020", "04/25/2020"]) is None
    assert parse_date("03/04/2020", "day") == seconds(2020, 4, 3)


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_every_iso_date_is_read_exactly(moment: datetime) -> None:
    assert parse_date(moment.isoformat()) == (moment - datetime(1970, 1, 1)).total_seconds()


def test_categories_keep_words_that_look_missing_and_are_composed() -> None:
    assert parse_category(" NA ") == "NA"
    assert parse_category("e\u0301") == "\u00e9"
    assert parse_category("  ") is None
    assert parse_category(3.0) == "3"
    with pytest.raises(BadValue, match="must be a text, got a list"):
        parse_category(["a"])
