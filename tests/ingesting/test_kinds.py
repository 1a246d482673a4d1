"""What kind a column is taken for; the parser that training uses reads every accepted value."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from modelyard.features.values import detect_number_style, parse_number
from tests.ingesting.samples import ingest, table


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5, 2.25, 3.125], "number"),
        ([12, 7, 1e30, 1e-30], "number"),
        (["9223372036854775808", "123456789012345678901234567890", "5"], "number"),
        ([1, 2], "category"),
        (["0.0", "1.0"], "category"),
        (["01", "1", "02"], "category"),
        (["01700", "02602", "98826"], "category"),
        ([0, 1], "flag"),
        (["yes", "no"], "flag"),
        (["TRUE", "false", "1", "0", "yes", "N", "t", ""], "flag"),
        (["是", "否"], "flag"),
        (["None", "NA"], "category"),
        (["m", "f"], "category"),
        (["2024-01-31", "2024-02-01", "1999-12-31"], "date"),
        (["31/01/2024", "28/02/2024"], "date"),
        (["1998 Q1", "1998 Q2", "1998 Q3"], "date"),
        (["2024-03-30 20:00:00+01:00", "2024-03-31 03:00:00+02:00"], "date"),
        (["Paris", "Rome", "Oslo"], "category"),
        ([""], "empty"),
        ([f"the parcel number {n} came late" for n in range(40)], "text"),
        ([f"春眠不觉晓处处闻啼鸟{n}" for n in range(40)], "text"),
        ([f"{n * 7919:x}-token" for n in range(40)], "identifier"),
    ],
)
def test_a_kind_is_guessed(tmp_path: Path, values: Sequence[object], kind: str) -> None:
    assert ingest(tmp_path, table(40, column=values)).kinds["column"] == kind


@pytest.mark.parametrize("name", ["id", "customer_id", "customerId", "uuid", "Unnamed: 0"])
def test_whole_numbers_are_an_identifier_where_the_name_says_so(tmp_path: Path, name: str) -> None:
    outcome = ingest(tmp_path, table(40, **{name: range(1000, 1040)}))
    assert outcome.kinds[name] == "identifier"
    assert outcome.warning("identifier").column == name


def test_different_whole_numbers_alone_are_no_identifier(tmp_path: Path) -> None:
    assert ingest(tmp_path, table(40, population=range(0, 4000, 100))).kinds["population"] == "number"


@pytest.mark.parametrize(
    ("values", "total", "code"),
    [
        (['"1,234.50"', '"12,345"', "999"], 1234.5 + 12345 + 999, "thousands_separators"),
        (['"1.234,50"', "12.345", "999"], 1234.5 + 12345 + 999, "decimal_comma"),
        (["1 234", "12 345", "9"], 1234 + 12345 + 9, "thousands_separators"),
        (["12%", "7.5%", "3%"], 22.5, "units"),
        (['"$1,200"', "$30", "$4"], 1234, "units"),
        (['"(1,000)"', "-5", "7"], -998, "accounting_negatives"),
    ],
)
def test_numbers_with_separators_and_signs_are_read_and_told(
    tmp_path: Path, values: list[str], total: float, code: str
) -> None:
    outcome = ingest(tmp_path, table(30, amount=values))
    assert outcome.kinds["amount"] == "number"
    assert (outcome.column("amount").mean or 0) * 3 == pytest.approx(total)
    assert outcome.warning(code).column == "amount"
    cells = [cell for cell in outcome.cells("amount") if cell]
    style = detect_number_style(cells)
    assert sum(parse_number(cell, style) for cell in cells[:3]) == pytest.approx(total)


def test_different_signs_in_one_column_are_warned_of(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(30, price=["$5", "€30", "$7"]))
    assert "same unit" in outcome.warning("units").message


def test_stray_text_in_a_number_column_is_named_and_counts_as_missing(tmp_path: Path) -> None:
    values = [*range(76), "n/a", "unknown", "twelve", "-"]
    outcome = ingest(tmp_path, table(80, price=values))
    assert outcome.kinds["price"] == "number"
    assert outcome.column("price").missing == 4
    assert outcome.warning("stray_text").row == 79
    assert "“twelve”" in outcome.warning("stray_text").message
    assert outcome.warning("missing_words").row == 77


def test_a_column_of_half_numbers_stays_words_and_says_so(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(80, size=[1, 2, 3, "large", "small", 4]))
    assert outcome.kinds["size"] == "category"
    assert "“large”" in outcome.warning("stray_text").message


def test_infinite_and_odd_numbers_give_finite_figures(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(80, a=[*range(70), "inf", "-inf", "NaN", "1e400", "nan", "Infinity", 1, 2, 3, 4]))
    column = outcome.column("a")
    assert column.kind == "number"
    assert column.missing == 6
    assert column.maximum == 69


def test_days_that_do_not_exist_count_as_missing(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, d=["2024-02-30", "0000-00-00", "9999-12-31", "1900-01-01", "2024-01-01"]))
    assert outcome.kinds["d"] == "date"
    assert outcome.column("d").missing == 24
    assert "“2024-02-30”" in outcome.warning("impossible_dates").message


def test_day_and_month_are_not_guessed_silently(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, d=["03/04/2020", "05/06/2021"]))
    assert outcome.kinds["d"] == "date"
    assert "day or month" in outcome.warning("ambiguous_dates").message


def test_dates_in_many_forms_are_warned_of(tmp_path: Path) -> None:
    mixed = ["2024-01-31", "31/01/2024", "01/31/2024", "31.1.24", "1706659200", "2024年1月31日", "soon", "later"]
    outcome = ingest(tmp_path, table(80, d=mixed))
    assert outcome.kinds["d"] == "category"
    assert "mixed_dates" in outcome.codes


def test_figures_and_bars_are_those_of_the_values(tmp_path: Path) -> None:
    column = ingest(tmp_path, table(100, n=range(100))).column("n")
    assert (column.minimum, column.maximum, column.mean, column.median) == (0, 99, 49.5, 49.5)
    assert column.deviation == pytest.approx(math.sqrt((100**2 - 1) / 12))
    assert sum(bar.count for bar in column.bars) == 100
    assert len(column.bars) == 24


def test_top_values_are_counted(tmp_path: Path) -> None:
    column = ingest(tmp_path, table(60, city=["Rome", "Rome", "Oslo"])).column("city")
    assert [(bar.value, bar.count) for bar in column.bars] == [("Rome", 40), ("Oslo", 20)]
    assert column.distinct == 2
    assert column.examples == ("Rome", "Oslo")


def test_missing_words_stay_values_of_a_category(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, country=["NA", "DE", "None", "null"]))
    assert outcome.column("country").distinct == 4
    assert outcome.column("country").missing == 0
    assert "“NA”" in outcome.warning("missing_words").message
