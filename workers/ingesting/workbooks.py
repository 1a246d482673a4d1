"""Excel workbooks (.xlsx) to a `Table`; the XML inside is checked before the reader sees it."""

import datetime
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import dialects, limits
from workers.ingesting.archives import Archive, Unreadable
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.ingesting.rows import Table, batch_rows, check_width

_DECLARATION = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_POSITION = re.compile(rb"""<(?:\w+:)?(?:c|row)\b[^>]{0,400}?\br\s*=\s*["']([A-Za-z]{0,3})(\d{1,9})["']""")
_OVERLAP = 512
_SAMPLE_ROWS = 100


def is_workbook(archive: Archive) -> bool:
    names = {entry.path.as_posix().lower() for entry in archive.entries}
    return "xl/workbook.xml" in names or "xl/workbook.bin" in names


def read_workbook(path: Path, archive: Archive, findings: Findings) -> Table:
    """Open the first sheet with cells. Raises `Rejected` for XML with entities and for sheets of absurd extent."""
    if archive.repeated:
        raise Rejected("damaged", _("The workbook holds a part twice, so it is damaged. Open it and save it again."))
    _check_members(archive)
    findings.details["format"] = "xlsx"
    try:
        with CalamineWorkbook.from_path(path) as workbook:
            rows = _first_sheet(workbook, findings)
    except (CalamineError, OSError, ValueError) as fault:
        raise Rejected(
            "damaged", _("The Excel workbook cannot be read. Open it, save it again as .xlsx or as CSV.")
        ) from fault
    sample = list(itertools.islice(rows, _SAMPLE_ROWS))
    header = dialects.find_header(sample)
    width = max(len(row) for row in sample)
    check_width(width)
    skipped = header.skipped - (1 if header.names else 0)
    if any(cell for row in sample[:skipped] for cell in row):
        findings.warn(
            "skipped_lines",
            _(
                "Skipped {count:row} before the header (a title, notes or empty rows); the header is row {header}.",
                count=skipped,
                header=header.skipped,
            ),
        )
    names = dialects.clean_names(header.names, width, findings)
    body = (row for row in itertools.chain(sample[header.skipped :], rows) if any(row))
    return Table(names, batch_rows(body, width, findings))


def _check_members(archive: Archive) -> None:
    total = sum(entry.info.file_size for entry in archive.entries)
    if total > limits.MAXIMUM_WORKBOOK_BYTES:
        raise Rejected(
            "too_large",
            _(
                "The workbook unpacks to more than {limit} MiB. Save the sheet as CSV.",
                limit=limits.MAXIMUM_WORKBOOK_BYTES // limits.MIB,
            ),
        )
    for entry in archive.entries:
        try:
            _check_xml(archive.stream(entry, limits.MAXIMUM_WORKBOOK_BYTES), entry.path.name)
        except Unreadable as fault:
            raise Rejected(
                "damaged", _("The workbook is damaged: {name} cannot be unpacked. Save it again.", name=entry.path.name)
            ) from fault


def _check_xml(pieces: Iterator[bytes], name: str) -> None:
    """Refuse declarations that XML parsers expand, and cells so far out that a grid up to them fills the memory."""
    held = b""
    last_row = last_column = 1
    for piece in pieces:
        window = held + piece
        plain = window.replace(b"\0", b"")
        if _DECLARATION.search(plain):
            raise Rejected(
                "xml_entities",
                _(
                    "The workbook is refused: {name} declares XML entities, which no spreadsheet program writes. "
                    "Save the sheet as CSV.",
                    name=name,
                ),
            )
        for letters, digits in _POSITION.findall(plain):
            last_row = max(last_row, int(digits))
            last_column = max(last_column, _column_number(letters))
        held = window[-_OVERLAP:]
    if last_row * last_column > limits.MAXIMUM_WORKBOOK_CELLS:
        raise Rejected(
            "too_large",
            _(
                "The sheet reaches to row {last_row:,} and column {last_column:,}; at most {limit:,} cells "
                "can be read. Delete stray cells, or save the sheet as CSV.",
                last_row=last_row,
                last_column=last_column,
                limit=limits.MAXIMUM_WORKBOOK_CELLS,
            ),
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _first_sheet(workbook: CalamineWorkbook, findings: Findings) -> Iterator[list[str]]:
    sheets = [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
    ]
    for name in sheets:
        sheet = workbook.get_sheet_by_name(name)
        if not any(any(_texts(row)) for row in itertools.islice(sheet.iter_rows(), _SAMPLE_ROWS)):
            continue
        others = [other for other in workbook.sheet_names if other != name]
        findings.details["sheet"] = name
        if others:
            findings.warn(
                "other_sheets",
                _(
                    "Only the sheet {name} was read, not {others}. Save another one as a file of its own to use it.",
                    name=shown(name),
                    others=listed(map(shown, others)),
                ),
            )
        return map(_texts, sheet.iter_rows())
    raise Rejected("empty_file", _("The workbook has no visible sheet with cells. Upload one with a header and rows."))


def _texts(row: Sequence[Any]) -> list[str]:
    return [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.replace("\0", "")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, (datetime.date, datetime.time)):
        return cell.isoformat()
    return "" if cell is None else str(cell)
