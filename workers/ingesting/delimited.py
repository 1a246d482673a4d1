"""Comma-, semicolon-, tab- and pipe-separated text to a `Table`, streaming."""

import csv
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import dialects, limits
from workers.ingesting.encodings import detect_encoding
from workers.ingesting.findings import Findings, Rejected, listed
from workers.ingesting.rows import Table, batch_rows, check_width

_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 512 * 1024
_NAMED_ROWS = 20


@dataclass
class Lines:
    """The lines of a text file, bounded in length, NUL characters taken out and counted."""

    path: Path
    encoding: str
    skip: int = 0
    lines_with_nul: list[int] = field(default_factory=list)
    number: int = 0

    def __iter__(self) -> Iterator[str]:
        with self.path.open(encoding=self.encoding, newline="") as file:
            for self.number in itertools.count(1):
                try:
                    line = file.readline(limits.MAXIMUM_LINE_BYTES)
                except UnicodeDecodeError as fault:
                    raise self._not_text(fault) from fault
                if not line:
                    return
                if len(line) >= limits.MAXIMUM_LINE_BYTES:
                    raise Rejected(
                        "line_too_long",
                        _(
                            "Line {number} is longer than {limit} MiB. Check that the file has line ends and that "
                            "every quote is closed.",
                            number=self.number,
                            limit=limits.MAXIMUM_LINE_BYTES // limits.MIB,
                        ),
                    )
                if "\0" in line:
                    self.lines_with_nul.append(self.number)
                    line = line.replace("\0", "")
                if self.number > self.skip:
                    yield line

    def _not_text(self, fault: UnicodeDecodeError) -> Rejected:
        return Rejected(
            "encoding",
            _(
                "The file is not {encoding} throughout: near line {number} a byte does not fit. Save the "
                "file as UTF-8 and upload it again.",
                encoding=fault.encoding,
                number=self.number,
            ),
            row=max(self.number - 1, 1),
        )


@dataclass(frozen=True)
class Layout:
    """How the lines of a file become cells, and which of them come before the data."""

    delimiter: str
    quoting: Literal[0, 3]
    header: dialects.Header
    skipped_lines: int


def read_delimited(path: Path, findings: Findings) -> Table:
    """Open a delimited text. Raises `Rejected` now or while the batches are read."""
    csv.field_size_limit(limits.MAXIMUM_LINE_BYTES)
    encoding = detect_encoding(path, findings)
    layout = find_layout(path, encoding, findings)
    width = layout.header.width
    check_width(width)
    findings.details["delimiter"] = layout.delimiter
    names = dialects.clean_names(layout.header.names, width, findings)
    lines = Lines(path, encoding, skip=layout.skipped_lines)
    return Table(names, batch_rows(_rows(lines, layout, findings), width, findings))


def find_layout(
    path: Path,
    encoding: str,
    findings: Findings,
    find_header: Callable[[list[list[str]]], dialects.Header] = dialects.find_header,
) -> Layout:
    """Look at the first lines of a file. Raises `Rejected` where there is nothing but white space."""
    lines = _sample(path, encoding)
    declared = dialects.declared_delimiter(lines[0]) if lines else None
    skipped = 1 if declared else 0
    body = lines[skipped:]
    check_width(max((line.count(mark) for line in body[:1] for mark in dialects.DELIMITERS), default=0))
    delimiter = declared or dialects.detect_delimiter(body)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL
    if delimiter == "\t" and not _quotes_close(path, encoding, skipped):
        quoting = csv.QUOTE_NONE
        findings.warn(
            "quotes_as_text", _("Quotes in this tab-separated file do not pair up, so they were read as plain text.")
        )
    rows = dialects.parse_sample(body, delimiter, quoting)
    if not rows or not any(cell.strip() for row in rows for cell in row):
        raise Rejected(
            "empty_file", _("The file holds nothing but white space. Upload a table with a header and rows.")
        )
    header = find_header(rows)
    told = header.skipped - (1 if header.names else 0)
    if any(cell.strip() for row in rows[:told] for cell in row):
        findings.warn(
            "skipped_lines", _("Skipped {count:line} before the header (a title, comments or blank lines).", count=told)
        )
    return Layout(delimiter, quoting, header, skipped)


def _sample(path: Path, encoding: str) -> list[str]:
    lines: list[str] = []
    characters = 0
    for line in Lines(path, encoding):
        lines.append(line)
        characters += len(line)
        if len(lines) >= _SAMPLE_LINES or characters >= _SAMPLE_CHARACTERS:
            break
    return lines


def _quotes_close(path: Path, encoding: str, skipped: int) -> bool:
    try:
        deque(csv.reader(Lines(path, encoding, skip=skipped), delimiter="\t", strict=True), maxlen=0)
    except csv.Error:
        return False
    return True


def _rows(lines: Lines, layout: Layout, findings: Findings) -> Iterator[list[str]]:
    """Yield the data rows of the right width; leave out and tell the others."""
    width = layout.header.width
    reader = csv.reader(lines, delimiter=layout.delimiter, quoting=layout.quoting, strict=True)
    number, blank, ragged = 0, 0, _Ragged()
    begun = 0
    try:
        deque(itertools.islice(reader, layout.header.skipped), maxlen=0)
        begun = reader.line_num
        for row in reader:
            if len(row) != width:
                row = _fitted(row, width)
            if not any(row):
                blank += 1 if len(row) > 1 else 0
            else:
                number += 1
                if len(row) == width:
                    yield row
                else:
                    ragged.add(number, layout.skipped_lines + reader.line_num, len(row))
                    findings.leave_out(number)
            begun = reader.line_num
    except csv.Error as fault:
        raise bad_quote(layout.skipped_lines + begun + 1, number + 1, fault) from fault
    ragged.tell(width, number, findings)
    if blank:
        findings.warn("empty_rows", _("Left out {count:row} without any value.", count=blank))
    if lines.lines_with_nul:
        findings.warn(
            "nul_characters",
            _(
                "Removed NUL characters from {count:line}: {lines}.",
                count=len(lines.lines_with_nul),
                lines=listed(lines.lines_with_nul),
            ),
            row=max(lines.lines_with_nul[0] - 1 - layout.skipped_lines, 1),
        )


def _fitted(row: list[str], width: int) -> list[str]:
    """Cut empty cells beyond the last column; a blank line becomes a row of nothing."""
    if not any(cell.strip() for cell in row):
        return [""] if len(row) <= 1 else [""] * width
    return row[:width] if len(row) > width and not any(cell.strip() for cell in row[width:]) else row


def bad_quote(line: int, row: int, fault: csv.Error) -> Rejected:
    return Rejected(
        "unclosed_quote",
        _(
            "A quote that opens in line {line} (data row {row}) is not closed properly ({fault}). Close "
            'it, or write a quote inside a quoted cell twice (""), and upload the file again.',
            line=line,
            row=row,
            fault=fault,
        ),
        row=row,
    )


class _Ragged:
    """Rows with too few or too many cells: counted, the first ones named."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[tuple[int, int, int]] = []

    def add(self, row: int, line: int, cells: int) -> None:
        self.count += 1
        if len(self.first) < _NAMED_ROWS:
            self.first.append((row, line, cells))

    def tell(self, width: int, rows: int, findings: Findings) -> None:
        if not self.count:
            return
        named = listed(
            [
                _("row {row} (line {line}) has {cells}", row=row, line=line, cells=cells)
                for row, line, cells in self.first
            ],
            5,
        )
        more = _(" and {count:,} more", count=self.count - 5) if self.count > len(self.first) else ""
        if self.count > limits.MAXIMUM_RAGGED_SHARE * rows:
            raise Rejected(
                "ragged_rows",
                _(
                    "{count:,} of {rows:,} rows do not have {width} cells as most do: {named}{more}. Check the "
                    "delimiter and put cells that contain it into quotes.",
                    count=self.count,
                    rows=rows,
                    width=width,
                    named=named,
                    more=more,
                ),
                row=self.first[0][0],
            )
        findings.warn(
            "ragged_rows",
            _(
                "Left out {count:,} of {rows:,} rows that do not have {width} cells: {named}{more}.",
                count=self.count,
                rows=rows,
                width=width,
                named=named,
                more=more,
            ),
            row=self.first[0][0],
        )
