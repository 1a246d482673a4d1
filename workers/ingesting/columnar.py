"""Parquet to a `Table`: sizes are read from the footer before anything is unpacked."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import dialects, limits
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.ingesting.rows import Batch, Table, check_width

_ROWS_A_BATCH = 4096
UNREADABLE_PAGES = (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError)
_GROUPED_BYTES = 8 * limits.MIB


def read_parquet(path: Path, findings: Findings) -> Table:
    """Open a Parquet file as a table. Raises `Rejected` as `open_parquet` does, and where no column can be used."""
    source = open_parquet(path)
    findings.details["format"] = "parquet"
    fields = [field for field in source.schema_arrow if is_readable(field.type)]
    refused = [f"{shown(field.name)} ({field.type})" for field in source.schema_arrow if not is_readable(field.type)]
    if refused:
        findings.warn(
            "unsupported_columns",
            _("Columns of nested, binary or unknown types were left out: {refused}.", refused=listed(refused)),
        )
    if not fields:
        raise Rejected(
            "unsupported_columns",
            _("No column can be read; these are of types that have no plain text: {refused}.", refused=listed(refused)),
        )
    names = dialects.clean_names([field.name for field in fields], len(fields), findings)
    return Table(names, _batches(source, [field.name for field in fields]), source.metadata.num_rows)


def open_parquet(path: Path | pa.NativeFile) -> pq.ParquetFile:
    """Open a file, or one in memory. Raises `Rejected` for a damaged one, or one too large by what its footer says."""
    try:
        source = pq.ParquetFile(path, memory_map=False)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:
        raise Rejected(
            "damaged", _("The Parquet file is damaged or cut off. Write it again and upload the new file.")
        ) from fault
    _check_footer(source)
    return source


def _check_footer(source: pq.ParquetFile) -> None:
    """Refuse by what the footer says, before anything is unpacked."""
    metadata = source.metadata
    if metadata.num_rows > limits.MAXIMUM_ROWS:
        raise Rejected(
            "too_many_rows",
            _(
                "The table has {rows:,} rows; at most {limit:,} can be read. Upload a sample of its rows.",
                rows=metadata.num_rows,
                limit=limits.MAXIMUM_ROWS,
            ),
        )
    check_width(metadata.num_columns)
    if (
        sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
        > limits.MAXIMUM_TABLE_BYTES
    ):
        raise Rejected(
            "too_large",
            _(
                "The table unpacks to more than {limit} GiB. Upload a sample of its rows.",
                limit=limits.MAXIMUM_TABLE_BYTES // limits.GIB,
            ),
        )
    repeated = sorted(name for name, count in Counter(source.schema_arrow.names).items() if count > 1)
    if repeated:
        raise Rejected(
            "repeated_names",
            _("More than one column is named {repeated}. Rename them.", repeated=listed(map(shown, repeated))),
        )


def is_readable(kind: pa.DataType) -> bool:
    """Whether values of this type have a plain text."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return not (
        pa.types.is_nested(value)
        or pa.types.is_binary(value)
        or pa.types.is_large_binary(value)
        or pa.types.is_fixed_size_binary(value)
        or isinstance(value, pa.BaseExtensionType)
    )


def _batches(source: pq.ParquetFile, names: list[str]) -> Iterator[Batch]:
    gathered: list[Batch] = []
    size = 0
    try:
        for batch in source.iter_batches(batch_size=_ROWS_A_BATCH, columns=names, use_threads=False):
            batch.validate(full=True)
            texts = [to_text(batch.column(name)) for name in names]
            gathered.append(texts)
            size += sum(text.nbytes for text in texts)
            if size > _GROUPED_BYTES:
                yield _joined(gathered)
                gathered, size = [], 0
    except UNREADABLE_PAGES as fault:
        raise damaged_pages() from fault
    if gathered:
        yield _joined(gathered)


def damaged_pages() -> Rejected:
    return Rejected("damaged", _("The Parquet file is damaged: its pages cannot be read. Write it again."))


def _joined(batches: list[Batch]) -> Batch:
    return [pa.concat_arrays(parts) for parts in zip(*batches, strict=True)]


def to_text(column: pa.Array) -> pa.Array:
    """A column as strings: numbers in full, dates as in ISO 8601, what is not a number missing."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_duration(column.type):
        column = pc.cast(column, pa.int64())
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        column = pc.utf8_slice_codeunits(column, 0, limits.MAXIMUM_CELL_CHARACTERS + 1)
    text = pc.cast(column, pa.large_string())
    if pa.types.is_timestamp(column.type):
        return pc.replace_substring_regex(text, r"\.0+([+-]\d{4}|Z)?$", r"\1")
    return text
