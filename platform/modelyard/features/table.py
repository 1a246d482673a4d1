"""Features of a table: every row becomes `numbers` (float32) and `codes` (int32, for embeddings).

Numbers are centred on the median, divided by the range of the middle half and bent smoothly into (-3, 3), so that
outliers and values from 1e-30 to 1e30 do no harm (after RealMLP: Holzmüller, Grinsztajn and Steinwart, 2024). A missing
number becomes the median, and where training had gaps a further number says that it was missing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays, BadValue, RowProblem
from modelyard.features.columns import CodedColumn, Column, Matrix, NumberColumn, Values, load_column
from modelyard.features.fitting import ColumnReport, fit_column

LARGEST_SCALED = 1e6
SMALLEST_SPREAD, LARGEST_SPREAD = 1e-300, 1e300
PLAIN = frozenset((float, int, type(None)))


class TableFeatures:
    """Fitted features. `required` names the columns that every row must have (they may still be null)."""

    KIND = "table"

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        required: Sequence[str],
        centre: Matrix,
        scale: Matrix,
        indicators: Sequence[int],
        reports: Sequence[ColumnReport] = (),
    ) -> None:
        self.columns = tuple(columns)
        self.required = frozenset(required)
        self.centre = centre
        self.scale = scale
        self.indicators = np.array(indicators, dtype=np.int64)
        self.reports = tuple(reports)
        self._coded = [column for column in self.columns if isinstance(column, CodedColumn)]
        edges: list[int] = np.cumsum([0, *(column.width for column in self.columns)]).tolist()
        self._placed = [
            (column, slice(start, stop))
            for column, start, stop in zip(self.columns, edges, edges[1:], strict=False)
            if column.width
        ]
        numbers = [(column.name, place.start) for column, place in self._placed if isinstance(column, NumberColumn)]
        self._number_names = [name for name, _ in numbers]
        self._number_places = [place for _, place in numbers]
        self._others = [(column, place) for column, place in self._placed if not isinstance(column, NumberColumn)]
        self.raw_width = edges[-1]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are looked at."""
        return tuple(column.name for column in self.columns)

    @property
    def number_count(self) -> int:
        """Width of the array `numbers`."""
        return self.raw_width + len(self.indicators)

    @property
    def code_sizes(self) -> tuple[int, ...]:
        """For each column of `codes` the number of its codes, the 0 for missing and unseen included."""
        return tuple(len(column.levels) + 1 for column in self._coded)

    @classmethod
    def fit(cls, columns: Mapping[str, NDArray[np.object_]], kinds: Mapping[str, str]) -> Self:
        """Fit to training columns of texts (None = missing). Columns that say nothing are left out, see `reports`."""
        fitted = [fit_column(name, columns[name], kind) for name, kind in kinds.items()]
        kept = [item for item in fitted if item.column is not None]
        used = [item.column for item in kept if item.column is not None]
        raw = _write_raw(used, [item.values for item in kept])
        centre, scale = _fit_scale(raw, np.array([flag for column in used for flag in column.scaled], dtype=bool))
        return cls(
            used,
            required=[item.report.column for item in kept if item.report.missing == 0],
            centre=centre,
            scale=scale,
            indicators=_find_gaps(raw, used),
            reports=[item.report for item in fitted],
        )

    def transform(self, rows: Sequence[object]) -> Arrays:
        try:
            columns = [[row[column.name] for row in rows] for column in self.columns]  # type: ignore[index]
        except (KeyError, TypeError, IndexError):
            columns = self._collect_with_care(rows)
        return self._transform(columns, len(rows))

    def transform_columns(self, columns: Mapping[str, Values]) -> Arrays:
        rows = len(next(iter(columns.values()))) if columns else 0
        found: list[Values] = []
        for name in self.names:
            if name not in columns and name in self.required and rows:
                raise RowProblem(0, name, _absent(name))
            found.append(columns.get(name, [None] * rows))
        return self._transform(found, rows)

    def _collect_with_care(self, rows: Sequence[object]) -> list[list[object]]:
        """Like the fast path of `transform`, for rows that lack columns or are no rows at all."""
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise RowProblem(index, None, f"a row must be an object of column names to values, got {row!r:.40}")
            for name in self.names:
                if name in self.required and name not in row:
                    raise RowProblem(index, name, _absent(name))
        return [[row.get(name) for row in rows if isinstance(row, Mapping)] for name in self.names]

    def _transform(self, columns: Sequence[Values], rows: int) -> Arrays:
        raw = np.empty((rows, self.raw_width))
        codes = np.zeros((rows, len(self._coded)), dtype=np.int32)
        by_name = dict(zip(self.names, columns, strict=True))
        try:
            for column, place in self._others if self._write_plain_numbers(by_name, raw) else self._placed:
                column.write(by_name[column.name], raw[:, place])
            for index, coded in enumerate(self._coded):
                codes[:, index] = coded.codes(by_name[coded.name])
        except BadValue:
            raise self._first_problem(by_name, rows) from None
        arrays: Arrays = {"numbers": self._scale(raw), "codes": codes}
        return {name: array for name, array in arrays.items() if array.shape[1]}

    def _write_plain_numbers(self, by_name: Mapping[str, Values], raw: Matrix) -> bool:
        """Fill in all number columns at once if no text is to be read in them, as in most calls of a predictor."""
        columns = [by_name[name] for name in self._number_names]
        if not columns or not all(PLAIN.issuperset(map(type, values)) for values in columns):
            return False
        try:
            raw[:, self._number_places] = np.array(columns, dtype=np.float64).T
        except OverflowError:
            return False
        return True

    def _scale(self, raw: Matrix) -> NDArray[np.float32]:
        numbers = np.empty((len(raw), self.number_count), dtype=np.float32)
        missing = ~np.isfinite(raw)
        scaled = (raw - self.centre) * self.scale
        scaled[missing] = 0.0
        np.clip(scaled, -LARGEST_SCALED, LARGEST_SCALED, out=scaled)
        numbers[:, : self.raw_width] = scaled / np.sqrt(1.0 + np.square(scaled / 3.0))
        numbers[:, self.raw_width :] = missing[:, self.indicators]
        return numbers

    def _first_problem(self, by_name: Mapping[str, Values], rows: int) -> RowProblem:
        """Look at the rows one by one for the first bad value."""
        for row in range(rows):
            for column in self.columns:
                try:
                    value = by_name[column.name][row : row + 1]
                    column.write(value, np.empty((1, column.width)))
                    if isinstance(column, CodedColumn):
                        column.codes(value)
                except BadValue as fault:
                    return RowProblem(row, column.name, f"column '{column.name}' {fault.message}")
        raise AssertionError("a value was bad and then good")

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.KIND,
            "columns": [column.to_json() for column in self.columns],
            "required": sorted(self.required),
            "centre": self.centre.tolist(),
            "scale": self.scale.tolist(),
            "indicators": self.indicators.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            [load_column(column) for column in value["columns"]],
            required=value["required"],
            centre=np.array(value["centre"], dtype=np.float64),
            scale=np.array(value["scale"], dtype=np.float64),
            indicators=value["indicators"],
        )


def _absent(name: str) -> str:
    return f"column '{name}' is missing; send null where its value is not known"


def _write_raw(columns: Sequence[Column], values: Sequence[Values]) -> Matrix:
    rows = len(values[0]) if values else 0
    blocks = [np.empty((rows, column.width)) for column in columns]
    for column, found, block in zip(columns, values, blocks, strict=True):
        column.write(found, block)
    return np.concatenate(blocks, axis=1) if blocks else np.empty((rows, 0))


def _fit_scale(raw: Matrix, scaled: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Median and one over the inter-quartile range (else half the whole range); 0 and 1 for what is not to be scaled.

    What spreads too little or too far for that becomes zero everywhere: devices do not agree on numbers below 1e-307.
    """
    centre, scale = np.zeros(raw.shape[1]), np.ones(raw.shape[1])
    for index in np.flatnonzero(scaled):
        numbers = raw[:, index]
        numbers = numbers[~np.isnan(numbers)]
        low, middle, high = np.percentile(numbers, (25, 50, 75)) if len(numbers) else (0.0, 0.0, 0.0)
        with np.errstate(over="ignore"):
            spread = high - low or (np.max(numbers, initial=middle) - np.min(numbers, initial=middle)) / 2
        usable = SMALLEST_SPREAD < spread < LARGEST_SPREAD
        centre[index], scale[index] = (middle, 1.0 / spread) if usable else (0.0, 0.0)
    return centre, scale


def _find_gaps(raw: Matrix, columns: Sequence[Column]) -> list[int]:
    """The first number of every column in which training had gaps."""
    starts = np.cumsum([0, *(column.width for column in columns)]).tolist()
    return [
        start for column, start in zip(columns, starts, strict=False) if column.width and np.isnan(raw[:, start]).any()
    ]
