"""JSON, Parquet and Excel: the same table by other ways, and their own troubles."""

import datetime
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.ingesting.samples import ingest, zipped
from workers.ingesting import limits

OBJECTS = [{"age": 20 + n, "city": "Paris" if n % 3 else "Rome", "bought": n % 2 == 0} for n in range(30)]
KINDS = {"age": "number", "city": "category", "bought": "flag"}


def lines(objects: list[Any]) -> str:
    return "\n".join(one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in objects)


def parquet(columns: dict[str, Any], **how: Any) -> bytes:
    output = io.BytesIO()
    pq.write_table(pa.table(columns), output, **how)
    return output.getvalue()


@pytest.mark.parametrize(
    "content", [lines(OBJECTS), "\ufeff" + lines(OBJECTS), json.dumps(OBJECTS), json.dumps(OBJECTS, indent=2)]
)
def test_json_lines_and_lists_are_read(tmp_path: Path, content: str) -> None:
    outcome = ingest(tmp_path, content)
    assert outcome.kinds == KINDS
    assert outcome.cells("city")[:2] == ["Rome", "Paris"]
    assert outcome.cells("bought")[:2] == ["true", "false"]


def test_numbers_of_json_keep_every_digit(tmp_path: Path) -> None:
    rows = ",".join('{"x": 1e999999, "n": ' + "9" * 5000 + ', "v": 0.10}' for _ in range(12))
    outcome = ingest(tmp_path, f"[{rows}]")
    assert outcome.cells("n")[0] == "9" * 5000
    assert outcome.cells("v")[0] == "0.10"


def test_lines_that_hold_no_object_are_left_out_and_numbered(tmp_path: Path) -> None:
    broken: list[Any] = [*OBJECTS[:5], "{bad", [1, 2], "7", "null", *OBJECTS[5:]]
    outcome = ingest(tmp_path, lines(broken))
    assert outcome.profile.rows == 30
    warning = outcome.warning("bad_lines")
    assert warning.row == 6
    assert "line 6 (" in warning.message
    assert "line 9 (not an object)" in warning.message


def test_a_file_of_mostly_broken_lines_is_refused(tmp_path: Path) -> None:
    problem = ingest(tmp_path, lines([*OBJECTS[:10], *["{bad"] * 11])).problem
    assert problem.code == "bad_json"
    assert problem.row == 11


def test_keys_may_differ_from_line_to_line(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, lines([*OBJECTS, {"age": 5, "Age": 7, "extra": {"n": [1]}}]))
    assert list(outcome.kinds) == ["age", "city", "bought", "Age", "extra"]
    assert outcome.column("city").missing == 1
    assert {"similar_names", "nested_values"} <= outcome.codes


def test_repeated_keys_and_broken_characters_are_told(tmp_path: Path) -> None:
    odd = ['{"age": 1, "age": 2, "city": "\\ud83d"}'] * 12
    outcome = ingest(tmp_path, lines(odd))
    assert outcome.cells("age")[0] == "2"
    assert outcome.cells("city")[0] == "\ufffd"
    assert {"repeated_keys", "broken_characters"} <= outcome.codes


@pytest.mark.parametrize(
    ("content", "code"), [("[" * 100_000, "too_deep"), ('[{"a": 1},', "bad_json"), ('{"a": ', "bad_json")]
)
def test_json_that_cannot_be_read_is_refused(tmp_path: Path, content: str, code: str) -> None:
    assert ingest(tmp_path, content).problem.code == code


def test_empty_strings_are_missing(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, lines([{"t": text, "label": "x"} for text in ["", "  ", "\n", "a"] * 10]))
    assert outcome.column("t").missing == 30


def test_parquet_is_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, parquet({name: [row[name] for row in OBJECTS] for name in KINDS}))
    assert outcome.kinds == KINDS


def test_types_of_parquet_become_text(tmp_path: Path) -> None:
    columns = {
        "price": pa.array([Decimal("1.10"), Decimal("2.25"), Decimal("7")] * 10, pa.decimal128(10, 2)),
        "when": pa.array([datetime.datetime(2024, 1, day + 1, 12) for day in range(30)], pa.timestamp("us")),
        "word": pa.array(["a", "b", "c"] * 10).dictionary_encode(),
        "big": pa.array([2**63, 5, 7] * 10, pa.uint64()),
        "gap": pa.array([1.5, float("nan"), 2.5] * 10),
    }
    outcome = ingest(tmp_path, parquet(columns))
    assert outcome.kinds == {"price": "number", "when": "date", "word": "category", "big": "number", "gap": "category"}
    assert outcome.cells("when")[0] == "2024-01-01 12:00:00"
    assert outcome.cells("big")[0] == str(2**63)
    assert outcome.column("gap").missing == 10


def test_nested_columns_of_parquet_are_left_out_by_name(tmp_path: Path) -> None:
    columns = {"n": list(range(30)), "s": [{"a": 1}] * 30, "raw": [b"\x00"] * 30, "label": ["u", "v"] * 15}
    outcome = ingest(tmp_path, parquet(columns))
    assert list(outcome.kinds) == ["n", "label"]
    assert "“s” (struct<a: int64>)" in outcome.warning("unsupported_columns").message


def test_damaged_parquet_is_refused(tmp_path: Path) -> None:
    whole = parquet({"a": list(range(1000)), "b": ["x", "y"] * 500})
    assert ingest(tmp_path, whole[:-20]).problem.code == "damaged"
    assert ingest(tmp_path, whole[:100] + bytes(200) + whole[300:]).problem.code == "damaged"


def test_parquet_of_too_many_rows_is_refused_by_its_footer(tmp_path: Path) -> None:
    content = parquet({"x": pa.array([0]).take(pa.array([0] * (limits.MAXIMUM_ROWS + 1), pa.int32()))})
    assert ingest(tmp_path, content).problem.code == "too_many_rows"


def test_parquet_without_rows_is_refused(tmp_path: Path) -> None:
    assert (
        ingest(tmp_path, parquet({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())})).problem.code
        == "no_rows"
    )


def test_text_that_is_no_utf8_in_parquet_is_refused(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    content = parquet({"a": broken.take(pa.array([0] * 20)), "b": list(range(20))})
    assert ingest(tmp_path, content).problem.code == "damaged"


def workbook(sheets: dict[str, list[list[Any]]], *, before: str = "", hidden: tuple[str, ...] = ()) -> bytes:
    """An .xlsx as simple as one can be; `before` is put in front of the first sheet's XML."""
    entries = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="xl/workbook.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    }
    listed, related = "", ""
    for number, (name, rows) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        listed += f'<sheet name="{name}" sheetId="{number}" r:id="rId{number}"{state}/>'
        related += (
            f'<Relationship Id="rId{number}" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
            f'worksheet" Target="worksheets/sheet{number}.xml"/>'
        )
        body = "".join(f'<row r="{place}">{"".join(map(cell, row))}</row>' for place, row in enumerate(rows, 1))
        entries[f"xl/worksheets/sheet{number}.xml"] = (
            f'{before}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f"<sheetData>{body}</sheetData></worksheet>"
        )
    space = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    entries["xl/workbook.xml"] = (
        f'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="{space}">'
        f"<sheets>{listed}</sheets></workbook>"
    )
    entries["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{related}</Relationships>'
    )
    return zipped({name: text.encode() for name, text in entries.items()})


def cell(value: Any) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, (int, float)):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


ROWS: list[list[Any]] = [["age", "city", "bought"], *([20 + n, "Rome" if n % 2 else "Oslo", "yes"] for n in range(20))]


def test_a_workbook_is_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, workbook({"Data": ROWS}))
    assert outcome.kinds == {"age": "number", "city": "category", "bought": "category"}
    assert outcome.cells("age")[0] == "20"


def test_titles_and_totals_of_a_workbook_are_no_data(tmp_path: Path) -> None:
    rows = [["Sales report", None, None], [None, None, None], *ROWS, ["Total", 590, None]]
    outcome = ingest(tmp_path, workbook({"Data": rows}))
    assert outcome.profile.rows == 20
    assert "the header is row 3" in outcome.warning("skipped_lines").message
    assert "total_row" in outcome.codes


def test_other_sheets_are_named_and_hidden_ones_not_read(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, workbook({"Hidden": ROWS, "Data": ROWS, "Notes": [["do not read"]]}, hidden=("Hidden",)))
    assert outcome.profile.details["sheet"] == "Data"
    assert "“Notes”" in outcome.warning("other_sheets").message


def test_a_column_of_formulas_without_values_is_flagged(tmp_path: Path) -> None:
    rows = [[*row, "doubled" if place == 0 else None] for place, row in enumerate(ROWS)]
    assert ingest(tmp_path, workbook({"Data": rows})).warning("empty_column").column == "doubled"


@pytest.mark.parametrize("declaration", ['<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>', "<!DOCTYPE x>"])
def test_workbooks_that_declare_entities_are_refused(tmp_path: Path, declaration: str) -> None:
    assert ingest(tmp_path, workbook({"Data": ROWS}, before=declaration)).problem.code == "xml_entities"


def test_a_workbook_with_a_cell_far_out_is_refused(tmp_path: Path) -> None:
    content = workbook({"Data": ROWS})
    source = zipfile.ZipFile(io.BytesIO(content))
    entries = {name: source.read(name) for name in source.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    entries[sheet] = entries[sheet].replace(
        b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    )
    problem = ingest(tmp_path, zipped(entries)).problem
    assert problem.code == "too_large"
    assert "row 1,048,576" in problem.message


def test_a_workbook_without_cells_is_refused(tmp_path: Path) -> None:
    assert ingest(tmp_path, workbook({"Data": []})).problem.code == "empty_file"
