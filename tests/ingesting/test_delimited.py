"""Delimited text: layouts that are read, and troubles that are named by row and line."""

from pathlib import Path

import pytest

from tests.ingesting.samples import ingest, table
from workers.ingesting import limits


def test_a_plain_csv_is_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(60, age=range(20, 80), city=["Paris", "Łódź", "São Paulo"]))
    assert outcome.profile.kind == "table"
    assert outcome.profile.rows == 60
    assert outcome.kinds == {"age": "number", "city": "category", "x": "number", "label": "category"}
    assert outcome.cells("city")[:3] == ["Paris", "Łódź", "São Paulo"]
    assert outcome.profile.preview[0] == ("20", "Paris", "0.00", "a")
    assert len(outcome.profile.preview) == limits.PREVIEW_ROWS


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    outcome = ingest(tmp_path, table(age=[30, 40]).replace(",", delimiter))
    assert list(outcome.kinds) == ["age", "x", "label"]
    assert outcome.profile.details["delimiter"] == delimiter


def test_the_sep_line_of_excel_is_not_the_header(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "sep=;\r\n" + table().replace(",", ";").replace("\n", "\r\n"))
    assert list(outcome.kinds) == ["x", "label"]
    assert outcome.cells("label")[:2] == ["a", "b"]


@pytest.mark.parametrize("line_end", ["\r", "\r\n", "\n\n"])
def test_line_ends_and_blank_lines_do_not_matter(tmp_path: Path, line_end: str) -> None:
    outcome = ingest(tmp_path, table(40).replace("\n", line_end))
    assert outcome.profile.rows == 40
    assert set(outcome.cells("label")) == {"a", "b"}


def test_comments_and_titles_above_the_header_are_skipped(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "# exported\n# by a tool\n\n" + table(age=[30, 41]))
    assert list(outcome.kinds) == ["age", "x", "label"]
    assert "3 lines before the header" in outcome.warning("skipped_lines").message


def test_quoted_cells_may_hold_newlines_delimiters_and_quotes(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, note=['"one,\ntwo ""three"""']))
    assert outcome.profile.rows == 40
    assert outcome.cells("note")[0] == 'one,\ntwo "three"'


def test_a_table_without_a_header_keeps_its_first_row(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40).split("\n", 1)[1])
    assert list(outcome.kinds) == ["column_1", "column_2"]
    assert outcome.profile.rows == 40
    assert "looks like data" in outcome.warning("no_header").message


def test_a_header_of_years_is_a_header(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "2019,2020,2021,label\n" + "1,2,3,a\n4,5,6,b\n" * 10)
    assert list(outcome.kinds) == ["2019", "2020", "2021", "label"]


def test_names_are_made_unique_and_the_change_is_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "x,x,X,x ,label\n" + "1,2,3,4,a\n5,6,7,8,b\n" * 10)
    assert list(outcome.kinds) == ["x", "x_2", "X", "x_3", "label"]
    assert {"renamed_column", "similar_names"} <= outcome.codes


def test_columns_without_a_name_get_one(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, ",  ,a,label\n" + "1,2,3,u\n4,5,6,v\n" * 10)
    assert list(outcome.kinds) == ["column_1", "column_2", "a", "label"]
    assert "1, 2" in outcome.warning("unnamed_columns").message


def test_a_delimiter_at_the_end_of_every_line_makes_no_column(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, age=[3, 4]).replace("\n", ",\n"))
    assert list(outcome.kinds) == ["age", "x", "label"]
    assert "column_4" in outcome.warning("dropped_columns").message


def test_names_keep_their_letters_but_lose_what_turns_or_hides_text(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, '"two\nlines",\u202eevil,naïve 🐍,' + "n" * 400 + "\n" + "1,2,3,4\n" * 20)
    assert list(outcome.kinds) == ["two lines", "evil", "naïve 🐍", "n" * limits.MAXIMUM_NAME_CHARACTERS]


def test_ragged_rows_are_left_out_and_numbered(tmp_path: Path) -> None:
    lines = table(60).splitlines()
    lines[2] = "3"
    lines[3] = "5,b,extra,extra"
    outcome = ingest(tmp_path, "\n".join(lines))
    assert outcome.profile.rows == 58
    warning = outcome.warning("ragged_rows")
    assert warning.row == 2
    assert "row 2 (line 3) has 1" in warning.message
    assert "row 3 (line 4) has 4" in warning.message


def test_a_table_of_mostly_ragged_rows_is_refused(tmp_path: Path) -> None:
    problem = ingest(tmp_path, "a,b,c\n" + "1,2,3\n" * 30 + "1,2\n" * 10).problem
    assert problem.code == "ragged_rows"
    assert problem.row == 31
    assert "10 of 40 rows" in problem.message


def test_a_row_is_named_by_its_number_in_the_file_although_rows_before_it_were_left_out(tmp_path: Path) -> None:
    lines = table(100, price=range(100)).splitlines()
    lines[2] = "ragged"
    lines[50] = "a lot,1,a"
    outcome = ingest(tmp_path, "\n".join(lines))
    assert outcome.warning("stray_text").row == 50


def test_an_unclosed_quote_is_named_by_its_line(tmp_path: Path) -> None:
    lines = table(60).splitlines()
    lines[20] = '"7.4,b'
    problem = ingest(tmp_path, "\n".join(lines)).problem
    assert problem.code == "unclosed_quote"
    assert problem.row == 20
    assert "line 21" in problem.message


def test_quotes_in_a_tab_separated_file_may_be_plain_text(tmp_path: Path) -> None:
    lines = table(40, note=["he said", '"open ended']).replace(",", "\t")
    outcome = ingest(tmp_path, lines)
    assert outcome.profile.rows == 40
    assert "quotes_as_text" in outcome.codes


def test_nul_characters_are_removed_and_their_lines_told(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, city=["Pa\0ris", "Rome"]))
    assert set(outcome.cells("city")) == {"Paris", "Rome"}
    assert "2, 4" in outcome.warning("nul_characters").message


def test_control_characters_do_not_cut_the_file(tmp_path: Path) -> None:
    assert ingest(tmp_path, table(60, city=["Pa\x1aris", "Rome"])).profile.rows == 60


def test_a_cell_that_is_too_long_is_cut_at_the_stated_length(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, table(40, note=["short", "y" * 200_000]))
    assert "row 2, 4" in outcome.warning("cut_cells").message
    assert len(outcome.cells("note")[1] or "") == limits.MAXIMUM_CELL_CHARACTERS


def test_too_many_columns_are_refused_fast(tmp_path: Path) -> None:
    problem = ingest(tmp_path, "7," * 3_000_000).problem
    assert problem.code == "too_many_columns"
    assert "2,000" in problem.message


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "empty_file"),
        ("\ufeff", "empty_file"),
        (" \n\t\n ", "empty_file"),
        ("age,income,label\n", "no_rows"),
        ("age,income,label\n1,2,a\n", "too_few_rows"),
        ("age,income,label\n1,2,a\n3,4,b\n", "too_few_rows"),
        ("label\n" + "a\nb\n" * 20, "one_column"),
        ("<html><body>403 Forbidden</body></html>", "not_a_table"),
    ],
)
def test_what_is_no_table_to_learn_from_is_refused(tmp_path: Path, content: str, code: str) -> None:
    outcome = ingest(tmp_path, content)
    assert outcome.problem.code == code
    assert not (outcome.folder / "table.parquet").exists()


def test_the_minimum_of_rows_is_stated(tmp_path: Path) -> None:
    problem = ingest(tmp_path, "a,b\n1,2\n3,4\n").problem
    assert "2 data rows; at least 10" in problem.message


def test_a_row_that_is_split_over_reading_blocks_arrives_whole(tmp_path: Path) -> None:
    rows = 60_000
    outcome = ingest(tmp_path, table(rows, note=['"a, b\nc"', "plain"], n=range(rows)))
    assert outcome.profile.rows == rows
    assert outcome.cells("n")[-1] == str(rows - 1)
    assert outcome.column("n").maximum == rows - 1


def test_a_column_whose_name_begins_like_another_keeps_its_own_cells(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, "a.b,a,a.c\n" + "\n".join(f"{row},{row * 10},{row * 100}" for row in range(40)))
    assert [outcome.column(name).maximum for name in ("a.b", "a", "a.c")] == [39, 390, 3900]
