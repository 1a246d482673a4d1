"""From a `Table` to `table.parquet` and its profile."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.contracts.sentences import sentence as _
from workers.ingesting import advice, limits
from workers.ingesting.columns import describe_numbers, describe_words, read_values
from workers.ingesting.findings import Findings, Rejected
from workers.ingesting.kinds import NUMBER_SHARE, Guess, guess_kind
from workers.ingesting.recognising import recognise_kind
from workers.ingesting.rows import Table, check_width
from workers.ingesting.staging import drop_blank_columns, read_column, write_staging
from workers.ingesting.surveying import Hashes, Survey, count_duplicates, survey_column
from workers.ingesting.telling import Teller

STAGING = "table.parquet.partial"
TABLE = "table.parquet"
_READ_SHARE = 0.5


def ingest_table(table: Table, folder: Path, findings: Findings, teller: Teller, size: int) -> Profile:
    """Write `table.parquet` into `folder` and return the profile. `size` is the bytes of the file that is read."""
    check_width(len(table.names))
    teller.phase("reading", 0.0)
    staging = folder / STAGING

    def tell(rows: int, read: int) -> None:
        share = rows / table.expected_rows if table.expected_rows else read / size
        teller.step(_READ_SHARE * min(share, 1.0), f"{rows:,} rows read")

    rows = write_staging(table, staging, findings, tell)
    _check_shape(rows, len(table.names))
    teller.phase("preparing", _READ_SHARE)
    with pq.ParquetFile(staging) as source:
        preview = _preview(source)
        columns = _profile_columns(source, rows, findings, teller)
    empty = {column.name for column in columns if column.kind == "empty"}
    kept = set(drop_blank_columns(staging, folder / TABLE, empty, findings))
    positions = [index for index, column in enumerate(columns) if column.name in kept]
    profiles = tuple(columns[index] for index in positions)
    return Profile(
        kind=recognise_kind(profiles, rows),
        rows=rows,
        columns=profiles,
        preview=tuple(tuple(row[index] for index in positions) for row in preview),
        warnings=tuple(
            warning for warning in findings.all_warnings() if warning.code != "empty_column" or warning.column in kept
        ),
        details=findings.details,
    )


def _check_shape(rows: int, columns: int) -> None:
    if rows == 0:
        raise Rejected(
            "no_rows",
            _(
                "The table has a header but no data rows. Upload a file with at least {limit} rows.",
                limit=limits.MINIMUM_ROWS,
            ),
        )
    if columns < 2:
        raise Rejected(
            "one_column",
            _(
                "Only one column was found. A model needs a column to predict and at least one to predict it "
                "from. If the columns are separated by something else than comma, semicolon, tab or |, "
                "change that."
            ),
        )
    if rows < limits.MINIMUM_ROWS:
        raise Rejected(
            "too_few_rows",
            _(
                "The table has {count:data row}; at least {limit} are needed to split it into training, "
                "validation and test rows.",
                count=rows,
                limit=limits.MINIMUM_ROWS,
            ),
        )


def _profile_columns(source: pq.ParquetFile, rows: int, findings: Findings, teller: Teller) -> list[ColumnProfile]:
    names = source.schema_arrow.names
    row_hashes: Hashes = np.zeros(rows, np.uint64)
    surveys: list[Survey] = []
    profiles: list[ColumnProfile] = []
    for index, name in enumerate(names):
        survey = survey_column(name, _chunks(source, index), row_hashes)
        profiles.append(_profile_column(source, index, survey, findings))
        if len(survey.counts) > limits.MAXIMUM_TOP_VALUES:
            survey.counts.clear()
        surveys.append(survey)
        teller.step(
            _READ_SHARE + (1 - _READ_SHARE) * (index + 1) / len(names), f"{index + 1} of {len(names)} columns examined"
        )
    advice.advise_on_relations(surveys, count_duplicates(row_hashes), findings)
    return profiles


def _profile_column(source: pq.ParquetFile, index: int, survey: Survey, findings: Findings) -> ColumnProfile:
    guess = guess_kind(survey)
    if guess.kind in ("number", "date"):
        readings = read_values(guess, survey.rows, _chunks(source, index))
        share = 1 - readings.bad_count / max(survey.present, 1)
        if guess.kind == "date" or share >= 0.9 * NUMBER_SHARE:
            advice.advise_on_numbers(survey, guess, readings, findings)
            return describe_numbers(survey, guess, readings)
        guess = Guess("text" if not survey.complete else "category", number_share=share)
    advice.advise_on_words(survey, guess, findings)
    return describe_words(survey, guess)


def _chunks(source: pq.ParquetFile, index: int) -> Iterator[pa.Array]:
    for group in range(source.num_row_groups):
        yield read_column(source, index, group)


def _preview(source: pq.ParquetFile) -> list[tuple[str | None, ...]]:
    batch = next(source.iter_batches(batch_size=limits.PREVIEW_ROWS, use_threads=False))
    columns = [column.to_pylist() for column in batch.columns]
    return [
        tuple(cell if cell is None else cell[: limits.SHOWN_CHARACTERS] for cell in row)
        for row in zip(*columns, strict=True)
    ]
