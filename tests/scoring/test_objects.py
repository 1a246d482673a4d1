"""JSON: lines come back letter by letter with members added."""

import json

import pytest

from tests.scoring.conftest import Desk
from workers.ingesting.findings import Rejected


def test_values_keep_their_types_and_lines_their_letters(desk: Desk) -> None:
    first = '{"age": 41, "city": "Wien",  "exact": 12345678901234567890.10, "nested": {"a": [1, 2]}}'
    answered = desk.answer(f'{first}\n\n{{"city": "Berlin", "age": null}}\n{{"city":"Wien","age":"41"}}\n'.encode())
    shown = answered.text.splitlines()
    assert answered.tally.rows == 3
    assert shown[0].startswith(first[:-1] + ', "predicted_label": ')
    alone = desk.predict({"age": 41, "city": "Wien"}, {"age": None, "city": "Berlin"}, {"age": "41", "city": "Wien"})
    for row, one in zip(answered.objects(), alone, strict=True):
        assert row["predicted_label"] == one["label"]
        assert row["predicted_score"] == pytest.approx(one["score"], abs=1e-6)
        assert row["prediction_error"] is None


def test_lines_that_hold_no_object_stay_and_say_why(desk: Desk) -> None:
    bad = ["[1, 2]", "3", "{broken", '{"age": NaN, "city": "Wien"}', "[" * 100_000]
    good = '{"age": 41, "city": "Wien"}'
    answered = desk.answer("\n".join([good, *bad, good]).encode())
    rows = answered.objects()
    assert len(rows) == 7
    assert [row["predicted_label"] is not None for row in rows] == [True, *[False] * 5, True]
    assert rows[3]["unreadable"] == "{broken"
    assert rows[1]["prediction_error"].startswith("line 2 holds no JSON object")
    assert "NaN" in rows[4]["prediction_error"]


def test_a_row_without_a_required_key_is_named(desk: Desk) -> None:
    rows = desk.answer(b'{"age": 41, "city": "Wien"}\n{"age": 41}\n{"city": {"not": "a text"}}\n').objects()
    assert "'city' is missing" in rows[1]["prediction_error"]
    assert "'city'" in rows[2]["prediction_error"]


def test_a_list_of_objects_becomes_lines(desk: Desk) -> None:
    rows = desk.answer(b'[{"age": 41, "city": "Wien", "big": 123456789012345678901234567890}, 7]').objects()
    assert rows[0]["big"] == 123456789012345678901234567890
    assert rows[0]["predicted_label"] in ("no", "yes")
    assert rows[1]["prediction_error"].startswith("item 2 holds no JSON object")


def test_every_kind_of_fault_is_found_wherever_it_stands(desk: Desk) -> None:
    good, lacking, wrong = '{"age": 41, "city": "Wien"}', '{"age": 41}', '{"age": "old", "city": "Wien"}'
    kinds = [good, wrong, lacking, good, lacking, wrong, good, good, wrong] * 20
    rows = desk.answer("\n".join(kinds).encode()).objects()
    told = [row["prediction_error"] or "" for row in rows]
    wanted = {good: "", lacking: "'city' is missing", wrong: "'age' must be a number"}
    assert all(
        wanted[kind] in said and bool(said) == bool(wanted[kind]) for kind, said in zip(kinds, told, strict=True)
    )


@pytest.mark.parametrize("wanted", ["csv", "parquet"])
def test_lines_become_a_table_where_that_is_wanted(desk: Desk, wanted: str) -> None:
    content = b'{"city": "Wien", "x": [1], "bad": "\\ud800"}\n{"city": "Wien", "age": 41, "flag": true}\n{}\n'
    answered = desk.answer(content, wanted)  # type: ignore[arg-type]
    rows = answered.cells() if wanted == "csv" else answered.rows()
    assert list(rows[0])[:5] == ["city", "x", "bad", "age", "flag"]
    assert [row["flag"] or "" for row in rows] == ["", "true", ""]
    assert rows[0]["x"] == "[1]"
    assert rows[2]["prediction_error"]


def test_odd_numbers_are_no_end_of_the_file(desk: Desk) -> None:
    content = b'{"city": "Wien", "age": 1e400}\n{"city": "Wien", "age": ' + b"9" * 10_000 + b"}\n"
    answered = desk.answer(content)
    assert answered.tally.rows == 2
    assert all(json.loads(line) for line in answered.text.replace("1e400", "1").splitlines()[:1])


def test_nothing_that_a_database_cannot_hold_is_told(desk: Desk) -> None:
    answered = desk.answer(b'{"city": "Wien", "age": "a\\u0000b", "k\\u0000": "\\ud800"}\n', "csv")
    told = json.dumps([answered.tally.to_json(), answered.survey.to_json()])
    assert answered.tally.failed == 1
    assert "\\u0000" not in told
    assert "\\ud800" not in told
    assert "\0" not in answered.text


def test_keys_that_never_come_are_refused(desk: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        desk.answer(b'{"age": 41}\n{"age": 42}\n')
    assert caught.value.problem.code == "missing_columns"


def test_a_list_that_is_cut_off_is_refused(desk: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        desk.answer(b'[{"age": 41, "city": "Wien"}, {"age": 4')
    assert caught.value.problem.code == "bad_json"
    assert caught.value.problem.row == 2
