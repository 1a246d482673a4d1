"""Writes the cells of a table to Parquet as trimmed strings, in row groups, while they are read."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelyard.contracts.crash_points import reach
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.ingesting.rows import Table

_COMPRESSION = "zstd"
_OFFSET_BYTES = 8
_BLANK = re.compile(r"^column_\d+$")


@dataclass
class _Cleaning:
    """What trimming and cutting changed, by column."""

    trimmed: dict[str, int] = field(default_factory=dict)
    cut: dict[str, list[int]] = field(default_factory=dict)


def write_staging(table: Table, target: Path, findings: Findings, tell: Callable[[int, int], None]) -> int:
    """Write every batch to `target` and return the number of rows. `tell` hears the rows and bytes so far."""
    schema = pa.schema([(name, pa.large_string()) for name in table.names])
    cleaning = _Cleaning()
    rows = size = 0
    with pq.ParquetWriter(target, schema, compression=_COMPRESSION) as writer:
        for batch in table.batches:
            cleaned = [_clean(name, column, rows, cleaning) for name, column in zip(table.names, batch, strict=True)]
            count = len(cleaned[0]) if cleaned else 0
            rows += count
            size += sum(column.nbytes - _OFFSET_BYTES * count for column in cleaned)
            _check_size(rows, size)
            if count:
                writer.write_table(pa.Table.from_arrays(cleaned, schema=schema))
            tell(rows, size)
    _tell_cleaning(cleaning, findings)
    return rows


def _clean(name: str, column: pa.Array, before: int, cleaning: _Cleaning) -> pa.Array:
    """Trim white space, make empty cells null, cut what is too long."""
    trimmed = pc.utf8_trim_whitespace(column)
    lengths = pc.utf8_length(trimmed)
    changed = pc.sum(pc.and_(pc.not_equal(trimmed, column), pc.greater(lengths, 0))).as_py() or 0
    if changed:
        cleaning.trimmed[name] = cleaning.trimmed.get(name, 0) + changed
    if (pc.max(lengths).as_py() or 0) > limits.MAXIMUM_CELL_CHARACTERS:
        long = pc.indices_nonzero(pc.greater(lengths, limits.MAXIMUM_CELL_CHARACTERS)).to_pylist()
        cleaning.cut.setdefault(name, []).extend(before + index for index in long[:100])
        trimmed = pc.utf8_slice_codeunits(trimmed, 0, limits.MAXIMUM_CELL_CHARACTERS)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.large_string()), trimmed)


def _check_size(rows: int, size: int) -> None:
    if rows > limits.MAXIMUM_ROWS:
        raise Rejected(
            "too_many_rows",
            _("The table has more than {limit:,} rows. Upload a sample of its rows.", limit=limits.MAXIMUM_ROWS),
        )
    if size > limits.MAXIMUM_TABLE_BYTES:
        raise Rejected(
            "too_large",
            _(
                "The table unpacks to more than {limit} GiB. Upload a sample of its rows.",
                limit=limits.MAXIMUM_TABLE_BYTES // limits.GIB,
            ),
        )


def _tell_cleaning(cleaning: _Cleaning, findings: Findings) -> None:
    if cleaning.trimmed:
        columns = listed(map(shown, cleaning.trimmed))
        findings.warn(
            "trimmed_spaces",
            _(
                "Removed the spaces around {count:value}, in {columns}.",
                count=sum(cleaning.trimmed.values()),
                columns=columns,
            ),
            column=next(iter(cleaning.trimmed)) if len(cleaning.trimmed) == 1 else None,
        )
    for name, kept in cleaning.cut.items():
        rows = [findings.row_in_file(index) for index in kept]
        findings.warn(
            "cut_cells",
            _(
                "Cells of {name} longer than {limit:,} characters were cut: row {rows}.",
                name=shown(name),
                limit=limits.MAXIMUM_CELL_CHARACTERS,
                rows=listed(rows),
            ),
            row=rows[0],
            column=name,
        )


def drop_blank_columns(staging: Path, target: Path, empty: set[str], findings: Findings) -> list[str]:
    """Move the staged table to `target` without columns that have neither a name nor a value; return the names left."""
    with pq.ParquetFile(staging) as source:
        names = source.schema_arrow.names
        blank = [name for name in names if name in empty and _BLANK.match(name)]
        kept = [name for name in names if name not in blank]
        if blank and len(kept) > 1:
            findings.warn(
                "dropped_columns",
                _("Columns without a name and without any value were left out: {blank}.", blank=listed(blank)),
            )
            _copy_columns(source, target, kept)
            staging.unlink()
            return kept
    reach("table.before_rename")
    staging.replace(target)
    reach("table.renamed")
    return list(names)


def _copy_columns(source: pq.ParquetFile, target: Path, kept: list[str]) -> None:
    schema = pa.schema([(name, pa.large_string()) for name in kept])
    with pq.ParquetWriter(target, schema, compression=_COMPRESSION) as writer:
        for group in range(source.num_row_groups):
            writer.write_table(source.read_row_group(group, columns=kept, use_threads=False).select(kept).cast(schema))


def read_column(source: pq.ParquetFile, index: int, group: int) -> pa.Array:
    """Return one column of one row group."""
    name = source.schema_arrow.names[index]
    return source.read_row_group(group, columns=[name], use_threads=False).column(name).combine_chunks()
