"""Profile: what ingesting found in a file that somebody uploaded; `profile.json` in the folder of the data set version.

The folder of an ingested version holds

    source             the uploaded bytes, unchanged
    profile.json       a `Profile`
    table.parquet      tables: every column as strings (null = missing), trimmed, in the order of the file
    images.json        images: [{"file", "label", "original", "width", "height"}], `file` below images/
    images/000000.jpg  images: the readable ones as they came, renamed; EXIF is kept, decoding heeds it
    preview/000000.jpg images: thumbnails of a few (JPEG, at most 128 pixels a side), numbered as in images/

A refused version holds `source` and `profile.json` only. `details` says how the file was understood:

    tables             format ("json", "json lines", "parquet", "xlsx"; absent for delimited text), encoding, delimiter,
                       sheet, table_from (the path in a zip), duplicates (rows that repeat an earlier one)
    images             image_sizes {"minimum_width", "median_width", "maximum_width", … "maximum_height"},
                       formats {"png": 24}, previews [{"file", "label"}] below preview/, labels_from, split_folders,
                       duplicates
    zips               skipped [{"file", "reason"}] (the first thousand), skipped_count

Columns stay text in `table.parquet` so that nothing is lost by a guess: kinds can be corrected by hand, and the same
parser (`modelyard.features.values`) reads them in training and in prediction.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from modelyard.contracts.sentences import Sentence

ColumnKind = Literal["number", "category", "flag", "date", "text", "identifier", "empty"]
COLUMN_KINDS: tuple[ColumnKind, ...] = ("number", "category", "flag", "date", "text", "identifier", "empty")
DataKind = Literal["table", "images", "texts", "series"]
STORED_AS_TABLE: tuple[DataKind, ...] = ("table", "texts", "series")
"""Texts and series are tables whose columns suggest what they are for; all three have a `table.parquet`."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is wrong or worth knowing, in plain words. `row` counts data rows (or JSON lines) from 1.

    `code` is one of those in `docs/data-formats.md`; `sentence` is the message in parts that can be translated.
    """

    code: str
    message: str
    row: int | None = None
    column: str | None = None
    sentence: Sentence | None = None

    @classmethod
    def saying(cls, code: str, sentence: Sentence, *, row: int | None = None, column: str | None = None) -> Self:
        """A problem whose message is `sentence` in English."""
        return cls(code=code, message=str(sentence), row=row, column=column, sentence=sentence)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        said = value.get("sentence")
        return cls(**{**value, "sentence": Sentence.from_json(said) if said else None})


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of a histogram (`low` inclusive, `high` exclusive but for the last) or of the most frequent values."""

    count: int
    low: float | None = None
    high: float | None = None
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column: its guessed kind and what a person wants to see of it.

    Dates are seconds since 1970 in `minimum`, `maximum`, `mean`, `median`, bars. `missing` also counts what cannot be
    read as the kind: a word among numbers, 30 February.
    """

    name: str
    kind: ColumnKind
    missing: int = 0
    distinct: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    median: float | None = None
    deviation: float | None = None
    bars: tuple[Bar, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The outcome of ingesting: `problems` non-empty means rejected; `warnings` are for the person to read."""

    kind: DataKind | None
    rows: int = 0
    columns: tuple[ColumnProfile, ...] = ()
    classes: tuple[Bar, ...] = ()
    preview: tuple[tuple[str | None, ...], ...] = ()
    warnings: tuple[Problem, ...] = ()
    problems: tuple[Problem, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rejected(self) -> bool:
        return bool(self.problems)

    def column(self, name: str) -> ColumnProfile | None:
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            kind=value["kind"],
            rows=value["rows"],
            columns=tuple(
                ColumnProfile(
                    **{
                        **column,
                        "bars": tuple(Bar(**bar) for bar in column["bars"]),
                        "examples": tuple(column["examples"]),
                    }
                )
                for column in value["columns"]
            ),
            classes=tuple(Bar(**bar) for bar in value["classes"]),
            preview=tuple(tuple(row) for row in value["preview"]),
            warnings=tuple(Problem.from_json(problem) for problem in value["warnings"]),
            problems=tuple(Problem.from_json(problem) for problem in value["problems"]),
            details=dict(value.get("details", {})),
        )
