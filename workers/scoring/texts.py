"""Delimited text: every row as it stands in the file, also those with too few or too many cells."""

import csv
import itertools
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa

from workers.ingesting import dialects, limits
from workers.ingesting.delimited import Lines, bad_quote, find_layout
from workers.ingesting.encodings import detect_encoding
from workers.ingesting.findings import Findings, shown
from workers.ingesting.rows import check_width
from workers.scoring.chunks import Gathering, Values, text_table, to_json_text
from workers.scoring.columns import Inputs

HEADER_ROWS = 30
SHOWN_CELLS = 5


@dataclass
class TextChunk:
    """Rows of cells, all of the table's width."""

    names: Sequence[str]
    rows: list[list[str]]
    faults: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.rows)

    def values(self) -> Sequence[Values]:
        names = self.names
        return [dict(zip(names, (cell or None for cell in row), strict=True)) for row in self.rows]

    def texts(self) -> Sequence[Sequence[str]]:
        return self.rows

    def objects(self) -> Sequence[str]:
        return [to_json_text(dict(zip(self.names, row, strict=True))) for row in self.rows]

    def table(self) -> pa.Table:
        return text_table(self.names, [[cell or None for cell in row] for row in self.rows])


class TextSource:
    """A delimited text whose header is the first row that names what the model needs."""

    def __init__(self, path: Path, inputs: Inputs, findings: Findings) -> None:
        """Raises `Rejected`."""
        csv.field_size_limit(limits.MAXIMUM_LINE_BYTES)
        self.path = path
        self.encoding = detect_encoding(path, findings)
        self.layout = find_layout(path, self.encoding, findings, partial(_find_header, inputs))
        header = self.layout.header
        check_width(header.width)
        inputs.refuse_repeated([dialects.clean_name(name) for name in header.names or ()])
        self.names: Sequence[str] = dialects.clean_names(header.names, header.width, findings)
        self.delimiter = self.layout.delimiter

    def chunks(self) -> Iterator[TextChunk]:
        for rows in Gathering(len(self.names)).gather(self._rows()):
            faults = {place: fault for place, (_cells, fault) in enumerate(rows) if fault}
            yield TextChunk(self.names, [cells for cells, _fault in rows], faults)

    def _rows(self) -> Iterator[tuple[tuple[list[str], str], int]]:
        """Yield the cells and the fault of each row, and how many characters it has. Blank lines are no rows."""
        layout, width = self.layout, len(self.names)
        lines = Lines(self.path, self.encoding, skip=layout.skipped_lines)
        reader = csv.reader(lines, delimiter=layout.delimiter, quoting=layout.quoting, strict=True)
        number = begun = 0
        try:
            deque(itertools.islice(reader, layout.header.skipped), maxlen=0)
            for cells in reader:
                if not cells or (len(cells) == 1 < width and not cells[0].strip()):
                    continue
                number, begun = number + 1, reader.line_num
                yield _fit(cells, width), sum(map(len, cells))
        except csv.Error as fault:
            raise bad_quote(layout.skipped_lines + begun + 1, number + 1, fault) from fault


def _find_header(inputs: Inputs, rows: list[list[str]]) -> dialects.Header:
    for index, row in enumerate(rows[:HEADER_ROWS]):
        if inputs.are_named_by({dialects.clean_name(cell) for cell in row}):
            return dialects.Header(index + 1, tuple(row), len(row))
    return dialects.find_header(rows)


def _fit(cells: list[str], width: int) -> tuple[list[str], str]:
    """Bring a row to the width of the table and say what was wrong with it, if anything."""
    if len(cells) == width:
        return cells, ""
    fault = f"the row has {len(cells)} cells, the header names {width} columns"
    if len(cells) < width:
        return cells + [""] * (width - len(cells)), fault
    surplus = cells[width:]
    if not any(cell.strip() for cell in surplus):
        return cells[:width], ""
    told = ", ".join(shown(cell) for cell in surplus[:SHOWN_CELLS])
    return cells[:width], f"{fault}; beyond them stand {told}{' and more' if len(surplus) > SHOWN_CELLS else ''}"
