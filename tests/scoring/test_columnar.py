"""Parquet: columns pass through with their types, and predictions come with theirs."""

import datetime
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from tests.scoring.conftest import Desk
from workers.ingesting.findings import Rejected

DAY = datetime.date(2026, 2, 3)


def written(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def people(**more: Any) -> pa.Table:
    return pa.table({"age": pa.array([41.0, None, float("nan")]), "city": ["Wien", "Berlin", None], **more})


def test_types_pass_through(desk: Desk) -> None:
    more = {
        "when": pa.array([DAY] * 3),
        "tags": pa.array([["a"], [], None], pa.list_(pa.string())),
        "blob": pa.array([b"\x00\xff", None, b""], pa.binary()),
        "price": pa.array([Decimal("1.10")] * 3, pa.decimal128(5, 2)),
        "kind": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
    answered = desk.answer(written(people(**more)))
    schema = parquet.read_schema(io.BytesIO(answered.result))
    assert schema.names[:7] == ["age", "city", "when", "tags", "blob", "price", "kind"]
    assert (schema.field("when").type, schema.field("price").type) == (pa.date32(), pa.decimal128(5, 2))
    assert schema.field("predicted_score").type == pa.float64()
    rows = answered.rows()
    assert rows[0]["tags"] == ["a"]
    assert rows[0]["blob"] == b"\x00\xff"
    alone = desk.predict({"age": 41.0, "city": "Wien"}, {"age": None, "city": "Berlin"}, {"age": None, "city": None})
    assert [row["predicted_label"] for row in rows] == [one["label"] for one in alone]
    assert [row["predicted_score"] for row in rows] == pytest.approx([one["score"] for one in alone], abs=1e-6)


def test_a_bad_value_is_a_bad_row(desk: Desk) -> None:
    table = pa.table({"age": ["41", "old"], "city": ["Wien", "Wien"]})
    rows = desk.answer(written(table)).rows()
    assert rows[0]["prediction_error"] is None
    assert "'age'" in rows[1]["prediction_error"]
    assert rows[1]["predicted_label"] is None


@pytest.mark.parametrize("wanted", ["csv", "jsonl"])
def test_it_becomes_text_where_that_is_wanted(desk: Desk, wanted: str) -> None:
    table = people(when=pa.array([DAY] * 3), tags=pa.array([["a"], [], None]), blob=pa.array([b"\xff", None, b""]))
    answered = desk.answer(written(table), wanted)  # type: ignore[arg-type]
    if wanted == "csv":
        row = answered.cells()[0]
        assert (row["age"], row["when"], row["tags"], row["blob"]) == ("41", "2026-02-03", '["a"]', "ff")
    else:
        found = answered.objects()
        assert (found[0]["age"], found[0]["when"], found[0]["tags"]) == (41.0, "2026-02-03", ["a"])
        assert found[2]["age"] is None


def test_nested_values_in_a_column_of_the_model_are_bad_rows(desk: Desk) -> None:
    table = pa.table({"age": pa.array([[1], [2]]), "city": ["Wien", "Wien"]})
    answered = desk.answer(written(table))
    assert answered.tally.failed == 2


def test_many_row_groups_are_chunks_of_bounded_size(desk: Desk) -> None:
    table = pa.table({"age": list(range(10_000)), "city": ["Wien"] * 10_000})
    answered = desk.answer(written(table, row_group_size=700))
    assert answered.tally.rows == 10_000
    assert answered.tally.chunks > 2
    assert [row["age"] for row in answered.rows()] == list(range(10_000))


def test_a_damaged_file_is_refused(desk: Desk) -> None:
    content = bytearray(written(people()))
    content[40:60] = b"\xff" * 20
    for broken in (bytes(content[:-20]), b"PAR1" + b"\x00" * 100 + b"PAR1"):
        with pytest.raises(Rejected) as caught:
            desk.answer(broken)
        assert caught.value.problem.code == "damaged"


def test_a_file_that_unpacks_to_far_too_much_is_refused_by_its_footer(desk: Desk) -> None:
    with pytest.raises(Rejected) as caught:
        desk.answer(written(pa.table({"city": pa.array(["Wien"]).take(pa.array([0] * 10_000_001))})))
    assert caught.value.problem.code == "too_many_rows"
