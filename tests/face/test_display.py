"""How values are shown."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from modelyard.contracts.profile import Bar
from modelyard.templatetags import display, drawing


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (12345, "12,345"),
        (0, "0"),
        (0.123456, "0.1235"),
        (1234.5678, "1,235"),
        (12.5, "12.5"),
        (-0.5, "-0.5"),
        ("7043", "7,043"),
        (0.00000004, "4.00e-08"),
        (None, "–"),
        ("many", "–"),
        (float("nan"), "–"),
        (True, "–"),
    ],
)
def test_numbers_have_separators_and_four_digits(value: Any, shown: str) -> None:
    assert display.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123, "12%"), (1, "100%"), (0, "0%"), (0.999, "> 99%"), (0.001, "< 1%"), (None, "–")]
)
def test_a_trace_is_not_nothing_and_nearly_all_is_not_all(value: Any, shown: str) -> None:
    assert display.percent(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 kB"), (977_501, "955 kB"), (3 * 1024**3, "3.0 GB")]
)
def test_sizes_are_shown_in_the_unit_that_fits(value: int, shown: str) -> None:
    assert display.file_size(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "400 ms"), (3.14, "3.1 s"), (42, "42 s"), (80, "1 min 20 s"), (7500, "2 h 5 min"), (90_000, "1 d 1 h")],
)
def test_durations_have_at_most_two_parts(seconds: float, shown: str) -> None:
    assert display.duration(seconds) == shown


def test_a_time_is_relative_with_the_exact_one_beside_it() -> None:
    html = display.relative(timezone.now() - timedelta(minutes=3))
    assert "3 minutes ago" in html
    assert "datetime=" in html
    assert "UTC" in html


def test_times_and_short_numbers_are_in_the_language_of_the_person() -> None:
    with translation.override("zh-hans"):
        assert "3分钟前" in display.relative(timezone.now() - timedelta(minutes=3))
        assert display.compact(12_000) == "1.2万"


@pytest.mark.parametrize(
    ("name", "letters"), [("Ada Lovelace", "AL"), ("ada@example.com", "A"), ("王小明", "王"), ("", "?")]
)
def test_initials(name: str, letters: str) -> None:
    assert display.initials(name) == letters


def test_an_amount_is_shown_in_the_unit_of_its_quota() -> None:
    assert display.amount(3600, "seconds") == "1 h"
    assert display.amount(0, "seconds") == "0 s"
    assert display.amount(2048, "bytes") == "2.0 kB"
    assert display.amount(20, "endpoints") == "20"


def test_numbers_for_machines_have_no_separators() -> None:
    with translation.override("zh-hans"):
        assert display.unlocalized(12345.5) == "12345.5"


@pytest.mark.parametrize(("share", "shade"), [(0, 0), (0.04, 0), (0.06, 1), (1, 10), (7, 10), (None, 0)])
def test_shades_of_a_heat_map(share: Any, shade: int) -> None:
    assert display.level(share) == shade


def test_the_highest_bar_fills_the_height_and_an_empty_one_has_none() -> None:
    bars = [Bar(count=10, low=0, high=1), Bar(count=0, low=1, high=2), Bar(count=5, low=2, high=3)]
    assert [bar.height for bar in drawing.draw_histogram(bars)] == ["40", "0", "20"]


def test_dates_are_named_at_the_ends_of_a_histogram() -> None:
    new_year = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert drawing.edge(new_year, True) == "Jan 1, 2026"


@pytest.mark.parametrize(
    ("used", "reserved", "near"), [(0, 0, "free"), (70, 15, "near"), (100, 0, "full"), (150, 10, "full")]
)
def test_a_quota_says_how_near_its_limit_is(used: int, reserved: int, near: str) -> None:
    drawn = drawing.draw_quota(used, reserved, 100)
    assert drawn.near == near
    assert float(drawn.used) + float(drawn.reserved) <= 100


def test_a_limit_of_nothing_is_full() -> None:
    assert drawing.draw_quota(0, 0, 0).near == "full"


def test_numbers_are_grouped_by_three_in_chinese_too() -> None:
    with translation.override("zh-hans"):
        assert display.number(1_234_567) == "1,234,567"
