"""Rows to Arrow columns: what every reader of tables gives, in batches of bounded size."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from modelyard.contracts.sentences import sentence as _
from workers.ingesting import limits
from workers.ingesting.findings import Findings, Rejected, shown

Batch = list[pa.Array]

_CELLS_A_BATCH = 500_000
_CHARACTERS_A_BATCH = 8 * limits.MIB
_TOTAL_WORDS = frozenset(
    {"total", "totals", "grand total", "sum", "summe", "gesamt", "somme", "suma", "合计", "总计", "總計", "小计"}
)


@dataclass
class Table:
    """Unique column names, and the cells as batches of string arrays, one array a column. Iterate once.

    `expected_rows` is how many there should be, where the file says so.
    """

    names: list[str]
    batches: Iterator[Batch]
    expected_rows: int | None = None


def check_width(width: int) -> None:
    if width > limits.MAXIMUM_COLUMNS:
        raise Rejected(
            "too_many_columns",
            _(
                "The table has {width:,} columns; at most {limit:,} can be read. Leave out columns that are "
                "not needed, or turn the table so that each example is a row.",
                width=width,
                limit=limits.MAXIMUM_COLUMNS,
            ),
        )


def batch_rows(rows: Iterable[Sequence[str]], width: int, findings: Findings) -> Iterator[Batch]:
    """Gather rows of equal width into columns; a last row that only sums up the others is left out."""
    size = max(_CELLS_A_BATCH // max(width, 1), 1)
    gathered: list[Sequence[str]] = []
    characters = 0
    last: Sequence[str] | None = None
    count = 0
    for row in rows:
        if last is not None:
            gathered.append(last)
            characters += len("".join(last))
        last = row
        count += 1
        if len(gathered) >= size or characters >= _CHARACTERS_A_BATCH:
            yield to_columns(gathered, width)
            gathered, characters = [], 0
    if last is not None and is_total(last) and count > limits.MINIMUM_ROWS:
        findings.warn(
            "total_row",
            _("The last row ({last} …) adds up the others and was left out.", last=shown(last[0])),
            row=count + len(findings.left_out_rows),
        )
    elif last is not None:
        gathered.append(last)
    if gathered:
        yield to_columns(gathered, width)


def is_total(row: Sequence[str]) -> bool:
    """A total row says so in its first filled cell and leaves at least one other cell empty."""
    filled = [cell.strip() for cell in row if cell.strip()]
    return bool(filled) and len(filled) < len(row) and filled[0].rstrip(":").casefold() in _TOTAL_WORDS


def to_columns(rows: Sequence[Sequence[str]], width: int) -> Batch:
    columns = list(zip(*rows, strict=True)) if width else []
    return [pa.array(column, pa.large_string()) for column in columns]
