"""Parquet: the columns of the file pass through as they are, whatever their types."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

from workers.ingesting.columnar import UNREADABLE_PAGES, damaged_pages, is_readable, open_parquet
from workers.ingesting.columnar import to_text as to_texts
from workers.scoring.chunks import CELLS_A_CHUNK, CHARACTERS_A_CHUNK, ROWS_A_CHUNK, Values, to_json_text, to_text


@dataclass
class ColumnarChunk:
    """A record batch."""

    batch: pa.RecordBatch
    faults: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.batch.num_rows)

    def values(self) -> Sequence[Values]:
        columns = {name: to_values(self.batch.column(name)) for name in self.batch.schema.names}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def texts(self) -> Sequence[Sequence[str]]:
        columns = [_to_cells(column) for column in self.batch.columns]
        return list(zip(*columns, strict=True))

    def objects(self) -> Sequence[str]:
        return [to_json_text(row) for row in self.values()]

    def table(self) -> pa.Table:
        return pa.Table.from_batches([self.batch])


class ColumnarSource:
    """A Parquet file whose footer is sane."""

    def __init__(self, path: Path) -> None:
        """Raises `Rejected`."""
        self.file = open_parquet(path)
        self.names: Sequence[str] = list(self.file.schema_arrow.names)
        metadata = self.file.metadata
        size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
        by_width = CELLS_A_CHUNK // max(len(self.names), 1)
        by_size = CHARACTERS_A_CHUNK * max(metadata.num_rows, 1) // max(size, 1)
        self.rows_a_chunk = max(1, min(ROWS_A_CHUNK, by_width, by_size))

    def chunks(self) -> Iterator[ColumnarChunk]:
        try:
            for batch in self.file.iter_batches(batch_size=self.rows_a_chunk, use_threads=False):
                batch.validate(full=True)
                yield ColumnarChunk(batch)
        except UNREADABLE_PAGES as fault:
            raise damaged_pages() from fault


def to_values(column: pa.Array) -> list[Any]:
    """Values as JSON would carry them: dates and times as text, everything else as it is."""
    kind = column.type.value_type if kinds.is_dictionary(column.type) else column.type
    if kinds.is_temporal(kind) or kinds.is_decimal(kind):
        return list(to_texts(column).to_pylist())
    return list(column.to_pylist())


def _to_cells(column: pa.Array) -> list[str]:
    if is_readable(column.type):
        return [text or "" for text in to_texts(column).to_pylist()]
    return [to_text(value) for value in column.to_pylist()]
