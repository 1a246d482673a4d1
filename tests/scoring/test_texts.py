"""Delimited text: every row comes back in its place, answered or with the reason why not."""

import pytest

from tests.scoring.conftest import Desk, DeskFor
from tests.serving import artifacts
from workers.ingesting.findings import Rejected

ADDED = ("predicted_label", "predicted_score", "predicted_probability_no", "predicted_probability_yes")
ERROR = "prediction_error"


def lines(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def refusal(desk: Desk, content: bytes) -> Rejected:
    with pytest.raises(Rejected) as caught:
        desk.answer(content)
    return caught.value


def test_every_row_is_answered_as_the_model_answers_it_alone(desk: Desk) -> None:
    answered = desk.answer(lines("city,age,note", "Wien,41,a", "Berlin,,b", "Atlantis,18.5,c"))
    alone = desk.predict(
        {"age": "41", "city": "Wien"}, {"age": None, "city": "Berlin"}, {"age": "18.5", "city": "Atlantis"}
    )
    cells = answered.cells()
    assert list(cells[0]) == ["city", "age", "note", *ADDED, ERROR]
    assert [row["note"] for row in cells] == ["a", "b", "c"]
    assert [row["predicted_label"] for row in cells] == [one["label"] for one in alone]
    for row, one in zip(cells, alone, strict=True):
        assert float(row["predicted_score"]) == pytest.approx(one["score"], abs=1e-6)
        assert float(row["predicted_probability_yes"]) == pytest.approx(one["probabilities"]["yes"], abs=1e-6)
        assert row[ERROR] == ""
    assert (answered.tally.rows, answered.tally.failed) == (3, 0)


def test_a_regressor_adds_a_value(desk_for: DeskFor) -> None:
    desk = desk_for(artifacts.write_regressor)
    answered = desk.answer(lines("age,city", "41,Wien", "20,Berlin"))
    values = [float(row["predicted_value"]) for row in answered.cells()]
    alone = [one["value"] for one in desk.predict({"age": "41", "city": "Wien"}, {"age": "20", "city": "Berlin"})]
    assert values == pytest.approx(alone, rel=1e-6)
    assert answered.tally.describe_values() == pytest.approx(
        {"mean": sum(values) / 2, "minimum": min(values), "maximum": max(values)}
    )


def test_rows_that_cannot_be_answered_stay_in_their_place_and_say_why(desk: Desk) -> None:
    answered = desk.answer(
        lines("age,city,id", "41,Wien,1", "old,Wien,2", "41,Wien", "41,Wien,4,surplus", "41,Wien,5,,", "41,Paris,6")
    )
    cells = answered.cells()
    assert [row["id"] for row in cells] == ["1", "2", "", "4", "5", "6"]
    assert [row["predicted_label"] != "" for row in cells] == [True, False, False, False, True, True]
    assert "'age' must be a number" in cells[1][ERROR]
    assert cells[2][ERROR] == "the row has 2 cells, the header names 3 columns"
    assert "4 cells" in cells[3][ERROR]
    assert "surplus" in cells[3][ERROR]
    assert answered.tally.failed == 3
    assert {told["row"] for told in answered.tally.faults.values()} == {2, 3, 4}


def test_a_file_of_nothing_but_bad_rows_ends_too(desk: Desk) -> None:
    answered = desk.answer(lines("age,city", *["x,Wien"] * 500))
    assert answered.tally.failed == answered.tally.rows == 500
    assert answered.survey.rows == 500
    assert len(answered.cells()) == 500


def test_formulas_are_defused_and_numbers_are_not(desk: Desk) -> None:
    notes = ["=1+1", "@SUM(A1)", "+49 30 1234", "-1.5", "+3", "-1,5", "-1e-5", "-12 %", "-", "-x", "\t=1", "＝1", "a=b"]
    answered = desk.answer(lines("age;city;note", *(f"41;Wien;{note}" for note in notes)))
    shown = [row["note"] for row in answered.cells(";")]
    defused = {"=1+1", "@SUM(A1)", "-x", "\t=1", "＝1"}
    assert shown == [f"'{note}" if note in defused else note for note in notes]
    assert answered.tally.defused == len(defused)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252", "gb18030"])
def test_encodings_are_read_and_the_result_is_utf8(desk: Desk, encoding: str) -> None:
    word = (
        "北京的天气很好，我们去公园散步吧" if encoding == "gb18030" else "Österreich für alle Füße, größer und schöner"
    )
    answered = desk.answer("".join(f"{row}\n" for row in ("age;city;note", *[f"41;Wien;{word}"] * 30)).encode(encoding))
    assert [row["note"] for row in answered.cells(";")] == [word] * 30


def test_the_header_is_the_row_that_names_what_the_model_needs(desk: Desk) -> None:
    answered = desk.answer(lines("sep=;", "People of 2026;;", "", "age;city;id", "41;Wien;1"))
    assert [row["id"] for row in answered.cells(";")] == ["1"]
    assert answered.tally.failed == 0


def test_blank_lines_are_no_rows_but_empty_cells_are(desk: Desk) -> None:
    answered = desk.answer(lines("age,city", "41,Wien", "", ",", "20,Wien"))
    assert answered.tally.rows == 3


def test_quoted_cells_with_line_ends_are_one_row(desk: Desk) -> None:
    answered = desk.answer(lines("age,city,note", '41,Wien,"two', 'lines, and a ""quote"""'))
    assert [row["note"] for row in answered.cells()] == ['two\nlines, and a "quote"']


def test_a_column_of_the_file_is_never_overwritten(desk: Desk) -> None:
    answered = desk.answer(lines("age,city,predicted_label", "41,Wien,mine"))
    (row,) = answered.cells()
    assert row["predicted_label"] == "mine"
    assert row["predicted_label_2"] in ("no", "yes")


def test_a_missing_column_is_refused_by_name(desk: Desk) -> None:
    refused = refusal(desk, lines("age,City,id", "41,Wien,1"))
    assert refused.problem.code == "missing_columns"
    assert refused.problem.column == "city"
    assert "“city”" in refused.problem.message
    assert "“City”" in refused.problem.message


def test_a_column_that_is_not_required_may_lack(desk: Desk) -> None:
    answered = desk.answer(lines("city,id", "Wien,1", "Paris,2"))
    assert answered.tally.failed == 0
    assert [warning.code for warning in answered.survey.warnings] == ["absent_columns"]
    assert float(answered.cells()[0]["predicted_score"]) == pytest.approx(
        desk.predict({"age": None, "city": "Wien"})[0]["score"], abs=1e-6
    )


def test_a_column_of_the_model_that_comes_twice_is_refused(desk: Desk) -> None:
    refused = refusal(desk, lines("age,city,age", "41,Wien,42"))
    assert refused.problem.code == "repeated_names"
    assert "“age”" in refused.problem.message


def test_other_columns_that_come_twice_are_told_apart(desk: Desk) -> None:
    answered = desk.answer(lines("age,city,x,x,", "41,Wien,1,2,3"))
    assert answered.survey.names[:5] == ("age", "city", "x", "x_2", "column_5")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"age,city\n", "no_rows"),
        (b'age,city\n41,Wien\n42,"Berlin\n43,Wien\n', "unclosed_quote"),
        (b",".join(b"c%d" % number for number in range(1_000_000)) + b"\n1\n", "too_many_columns"),
        (b"\x80\x04\x95" + b"pickle" * 100, "model_file"),
        (b"<html><body>Error</body></html>", "not_a_table"),
        (b"age,city\n41," + b"x" * 17 * 1024**2, "line_too_long"),
    ],
)
def test_what_cannot_be_read_to_its_end_is_refused_before_anything_is_answered(
    desk: Desk, content: bytes, code: str
) -> None:
    assert refusal(desk, content).problem.code == code
    assert not (desk.home / "result" / "result").exists()


def test_an_unclosed_quote_is_named_by_its_line(desk: Desk) -> None:
    refused = refusal(desk, b'age,city\n41,Wien\n42,"Berlin\n43,Wien\n')
    assert refused.problem.row == 2
    assert "line 3" in refused.problem.message
