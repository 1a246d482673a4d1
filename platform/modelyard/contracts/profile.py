"""Profile: what ingesting found in a file that somebody uploaded; `profile.json` in the folder of the data set version.

The folder of an ingested version holds

    source             the uploaded bytes, unchanged
    profile.json       a `Profile`
    table.parquet      tables: every column as strings (null = missing), trimmed, in the order of the file
    images.json        images: [{"file", "label", "original", "width", "height"}], `file` below images/
    images/000000.jpg  images: the readable ones as they came, renamed; EXIF is kept, decoding heeds it
    preview/           images: a few thumbnails (JPEG, at most 128 pixels a side), named as in images/

Columns stay text in `table.parquet` so that nothing is lost by a guess: kinds can be corrected by hand, and the same
parser (`modelyard.features.values`) reads them in training and in prediction.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

ColumnKind = Literal["number", "category", "flag", "date", "text", "identifier", "empty"]
COLUMN_KINDS: tuple[ColumnKind, ...] = ("number", "category", "flag", "date", "text", "identifier", "empty")
DataKind = Literal["table", "images", "texts", "series"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is wrong or worth knowing. `row` counts data rows from 1; `line` is not used, `row` is."""

    code: str
    message: str
    row: int | None = None
    column: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar of a histogram (`low` inclusive, `high` exclusive but for the last) or of the most frequent values."""

    count: int
    low: float | None = None
    high: float | None = None
    value: str | None = None


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column: its guessed kind and what a person wants to see of it. Dates are seconds since 1970 in `minimum` and bars."""

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
            warnings=tuple(Problem(**problem) for problem in value["warnings"]),
            problems=tuple(Problem(**problem) for problem in value["problems"]),
            details=dict(value.get("details", {})),
        )
