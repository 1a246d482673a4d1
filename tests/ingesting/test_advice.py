"""Warnings that a person should read before training."""

from pathlib import Path

from tests.ingesting.samples import ingest, table


def test_a_clean_table_is_not_warned_of(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, age=range(20, 80), city=["Paris", "Rome", "Oslo"]))
    assert outcome.profile.warnings == ()


def test_constant_and_empty_columns_are_named(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, k=[5], nothing=[""]))
    assert outcome.warning("constant").column == "k"
    assert outcome.warning("empty_column").column == "nothing"


def test_copies_of_a_column_are_leakage_suspects(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, copy=["a", "b"]))
    assert "“copy”, “label”" in outcome.warning("copied_column").message


def test_columns_that_go_together_one_to_one_are_leakage_suspects(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, answer=["yes", "no"]))
    assert "“answer”, “label”" in outcome.warning("one_to_one").message


def test_copies_are_found_among_many_different_values(tmp_path: Path) -> None:
    numbers = [f"{n * 1.7:.3f}" for n in range(25_000)]
    outcome = ingest(tmp_path, table(25_000, one=numbers, other=numbers))
    assert "“one”, “other”" in outcome.warning("copied_column").message
    assert outcome.column("one").distinct == 25_000


def test_repeated_rows_are_counted(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "a,b\n" + "1,u\n2,v\n3,w\n4,v\n" * 10)
    assert outcome.profile.details["duplicates"] == 36
    assert "36 of 40 rows" in outcome.warning("duplicate_rows").message


def test_mostly_missing_columns_are_named(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, seldom=["", "", "", "v", "w"]))
    assert "60 %" in outcome.warning("mostly_missing").message


def test_rare_labels_are_named(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(1000, outcome=["neg"] * 999 + ["pos"]))
    assert "“pos” stands in 1 of 1,000" in outcome.warning("rare_value").message


def test_spaces_around_labels_are_removed_and_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, bought=["sure", " sure", "sure ", "never"]))
    assert set(outcome.cells("bought")) == {"sure", "never"}
    assert outcome.warning("trimmed_spaces").column == "bought"


def test_values_that_differ_only_in_capitals_are_named(tmp_path: Path) -> None:
    assert "“Ok” / “OK”" in ingest(tmp_path, table(60, s=["Ok", "OK", "bad"])).warning("similar_values").message


def test_many_categories_are_warned_of(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(1200, town=[f"class_{n // 3}" for n in range(1200)]))
    assert outcome.warning("many_categories").column == "town"


def test_the_gaps_and_disorder_of_a_series_are_told(tmp_path: Path) -> None:
    days = [f"2024-01-{day:02}" for day in (*range(1, 20), *range(23, 31))]
    rows = "\n".join(f"{day},{number}" for number, day in enumerate([*days[5:], *days[:5], days[0]]))
    outcome = ingest(tmp_path, "day,value\n" + rows)
    assert {"unsorted_dates", "repeated_dates", "date_gaps"} <= outcome.codes


def test_a_row_that_sums_up_the_others_is_left_out(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "city,n,label\n" + "Rome,1,a\nOslo,2,b\n" * 10 + "Total,30,\n")
    assert outcome.profile.rows == 20
    assert outcome.warning("total_row").row == 21


def test_formulas_and_markup_are_kept_as_they_are(tmp_path: Path) -> None:
    values = ["=1+1", "@SUM(A1)", "<script>alert(1)</script>", "{{7*7}}"]
    assert ingest(tmp_path, table(40, note=values)).cells("note")[:4] == values


def test_a_unit_that_all_values_share_is_taken_off_and_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, weight=[f"{number / 2} kg" for number in range(1, 61)]))
    assert outcome.profile.column("weight").kind == "number"
    assert "“0.5 kg”" in outcome.warning("units").message


def test_magnitudes_are_read_and_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, views=["950", "1.2k", "3M", "15k"]))
    assert outcome.profile.column("views").maximum == 3e6
    assert "magnitudes" in outcome.warning("units").message
