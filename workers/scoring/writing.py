"""Rows and their answers to bytes: parts while rows are answered, then the whole result."""

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as parquet

from modelyard.contracts.batch import ResultFormat
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import write_bytes
from modelyard.contracts.signature import Output
from workers.scoring.answering import Answer
from workers.scoring.chunks import Chunk, to_json_text, to_text
from workers.scoring.columns import spread

COMPRESSION = "zstd"
COPIED = 1024 * 1024
FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")
NUMBER = re.compile(r"[+-]?[\s$€£¥]*(\d[\d.,' ]*|[.,]\d+)([eE][+-]?\d+)?\s*[%$€£¥]?|[+-]")


class Writer(Protocol):
    """Writes one format. `defused` counts the cells that a spreadsheet would have run."""

    defused: int

    def write_part(self, path: Path, chunk: Chunk, answers: Sequence[Answer]) -> None:
        """Write a chunk with its answers durably: the whole part or none."""
        ...

    def join_parts(self, parts: Iterable[Path], result: Path) -> None:
        """Make the result of all parts."""
        ...


def writer_for(kind: ResultFormat, names: Sequence[str], added: Sequence[str], output: Output, mark: str) -> Writer:
    """The writer of a format. `mark` is the delimiter of a delimited text."""
    columns = Columns(added, output)
    match kind:
        case "csv":
            return DelimitedWriter(names, columns, mark)
        case "jsonl":
            return LineWriter(columns)
        case "parquet":
            return ParquetWriter(columns)


class Columns:
    """The added columns, filled from answers."""

    def __init__(self, names: Sequence[str], output: Output) -> None:
        self.names = tuple(names)
        self.output = output

    def fill(self, answer: Answer) -> list[str | float | None]:
        """The cells that an answer becomes, in the order of `names`."""
        if isinstance(answer, str):
            return [*([None] * (len(self.names) - 1)), answer]
        return [*spread(answer, self.output.labels), None]

    def table(self, answers: Sequence[Answer]) -> pa.Table:
        kinds = [pa.float64() for _name in self.names]
        kinds[-1] = pa.large_string()
        if self.output.kind == "label":
            kinds[0] = pa.large_string()
        columns = zip(*(self.fill(answer) for answer in answers), strict=True)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        return pa.Table.from_arrays(arrays, list(self.names))


class DelimitedWriter:
    """CSV in UTF-8. Text that a spreadsheet would run as a formula gets an apostrophe in front; numbers never do."""

    def __init__(self, names: Sequence[str], columns: Columns, delimiter: str) -> None:
        self.names, self.columns, self.delimiter = names, columns, delimiter
        self.defused = 0

    def write_part(self, path: Path, chunk: Chunk, answers: Sequence[Answer]) -> None:
        filled = ([to_text(cell) for cell in self.columns.fill(answer)] for answer in answers)
        rows = ([*cells, *added] for cells, added in zip(chunk.texts(), filled, strict=True))
        write_bytes(path, self._encode(rows))

    def join_parts(self, parts: Iterable[Path], result: Path) -> None:
        _join_bytes(self._encode([[*self.names]]), parts, result)

    def _encode(self, rows: Iterable[Sequence[str]]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        writer.writerows(
            [self._defuse(cell) if cell.startswith(FORMULA_STARTS) else cell for cell in row] for row in rows
        )
        return text.getvalue().encode("utf-8", "replace")

    def _defuse(self, cell: str) -> str:
        if NUMBER.fullmatch(cell.strip()):
            return cell
        self.defused += 1
        return "'" + cell


class LineWriter:
    """JSON lines: the object as it came, with members added at its end."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.defused = 0

    def write_part(self, path: Path, chunk: Chunk, answers: Sequence[Answer]) -> None:
        lines = [self._line(text, answer) for text, answer in zip(chunk.objects(), answers, strict=True)]
        write_bytes(path, "".join(lines).encode("utf-8", "replace"))

    def join_parts(self, parts: Iterable[Path], result: Path) -> None:
        _join_bytes(b"", parts, result)

    def _line(self, text: str, answer: Answer) -> str:
        added = to_json_text(dict(zip(self.columns.names, self.columns.fill(answer), strict=True)))
        kept = text[:-1].rstrip()
        return f"{kept}{', ' if len(kept) > 1 else ''}{added[1:]}\n"


class ParquetWriter:
    """Parquet: one row group for each part."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.defused = 0

    def write_part(self, path: Path, chunk: Chunk, answers: Sequence[Answer]) -> None:
        table = chunk.table()
        added = self.columns.table(answers)
        for name in added.column_names:
            table = table.append_column(name, added.column(name))
        buffer = pa.BufferOutputStream()
        parquet.write_table(table, buffer, compression=COMPRESSION)
        write_bytes(path, buffer.getvalue().to_pybytes())

    def join_parts(self, parts: Iterable[Path], result: Path) -> None:
        partial = result.with_name(result.name + ".partial")
        tables = (parquet.read_table(part, use_threads=False) for part in parts)
        first = next(tables)
        with parquet.ParquetWriter(partial, first.schema, compression=COMPRESSION) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
        _settle(partial, result)


def _join_bytes(head: bytes, parts: Iterable[Path], result: Path) -> None:
    partial = result.with_name(result.name + ".partial")
    with partial.open("wb") as output:
        output.write(head)
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(COPIED):
                    output.write(block)
    _settle(partial, result)


def _settle(partial: Path, result: Path) -> None:
    """Make what was written durable and give it its name."""
    reach("predictions.before_fsync")
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    reach("predictions.before_rename")
    partial.replace(result)
    reach("predictions.renamed")
