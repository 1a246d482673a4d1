"""Features of a table: every row becomes `numbers` (float32) and `codes` (int32, for embeddings).

Numbers are centred on the median, divided by the range of the middle half and bent smoothly into (-3, 3), so that
outliers and values from 1e-30 to 1e30 do no harm (after RealMLP: Holzmüller, Grinsztajn and Steinwart, 2024). A missing
number becomes the median, and where training had gaps a further number says that it was missing.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays, BadValue, RowProblem
from modelyard.features.columns import CodedColumn, Column, Matrix, NumberColumn, Values, list_values, load_column
from modelyard.features.fitting import ColumnReport, fit_column
from modelyard.features.numbers import NumberTable
from modelyard.features.quick import QuickRows

LARGEST_SCALED = 1e6
SMALLEST_SPREAD, LARGEST_SPREAD = 1e-300, 1e300


class TableFeatures:
    """Fitted features. `names` are the columns that are looked at, `required` those that every row must have (they may
    still be null)."""

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
        self.names = tuple(column.name for column in self.columns)
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
        self._number_places = [place for _, place in numbers]
        self._get_numbers = itemgetter(*(name for name, _ in numbers)) if len(numbers) > 1 else None
        self._pack_numbers = struct.Struct(f"{len(numbers)}d").pack
        self._others = [(column, place) for column, place in self._placed if not isinstance(column, NumberColumn)]
        self.raw_width = edges[-1]
        self._quick = QuickRows.compile(self.columns, centre, scale, list(indicators), LARGEST_SCALED)

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
        """The common case takes a short way; whatever is odd about a row sends all of them along the careful one."""
        quick = self._quick
        try:
            if quick is not None and quick.takes(len(rows)):
                lines, codes = quick.read(rows)
                arrays: Arrays = {"numbers": np.array(lines, dtype=np.float32)} if lines[0] else {}
                if self._coded:
                    arrays["codes"] = np.array(codes, dtype=np.int32)
                return arrays
            return self._transform_plain(rows)
        except (BadValue, KeyError, TypeError, IndexError, OverflowError, struct.error):
            columns = self._collect_with_care(rows)
            return self._transform(columns, len(rows))

    def _transform_plain(self, rows: Sequence[Any]) -> Arrays:
        """Rows whose number columns hold nothing but numbers."""
        get, pack = self._get_numbers, self._pack_numbers
        if get is None:
            raise TypeError("too few number columns to take together")
        numbers = np.frombuffer(b"".join([pack(*get(row)) for row in rows])).reshape(len(rows), -1)
        if self._others:
            raw = np.empty((len(rows), self.raw_width))
            raw[:, self._number_places] = numbers
            for column, place in self._others:
                column.write([row[column.name] for row in rows], raw[:, place])
        else:
            raw = numbers
        codes = np.empty((len(rows), len(self._coded)), dtype=np.int32)
        for index, coded in enumerate(self._coded):
            codes[:, index] = coded.codes([row[coded.name] for row in rows])
        return self._name(self._scale(raw), codes)

    @staticmethod
    def _name(numbers: NDArray[np.float32], codes: NDArray[np.int32]) -> Arrays:
        """Leave out what has no columns: the numeric core has no input for it."""
        arrays: Arrays = {"numbers": numbers} if numbers.shape[-1] else {}
        if codes.shape[-1]:
            arrays["codes"] = codes
        return arrays

    @property
    def takes_numbers(self) -> bool:
        """Whether all columns are plain numbers, so that a `NumberTable` says all that there is to say."""
        return bool(self.columns) and all(isinstance(column, NumberColumn) for column in self.columns)

    def transform_columns(self, columns: Mapping[str, Values]) -> Arrays:
        if isinstance(columns, NumberTable) and columns.names == self.names and self.takes_numbers:
            return {"numbers": self._scale(columns.matrix)}
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
        codes = np.empty((rows, len(self._coded)), dtype=np.int32)
        by_name = dict(zip(self.names, columns, strict=True))
        try:
            for column, place in self._placed:
                _write(column, by_name[column.name], raw[:, place])
            for index, coded in enumerate(self._coded):
                codes[:, index] = coded.codes(list_values(by_name[coded.name]))
        except BadValue:
            raise self._first_problem(by_name, rows) from None
        return self._name(self._scale(raw), codes)

    def _scale(self, raw: Matrix) -> NDArray[np.float32]:
        numbers = np.empty((len(raw), self.number_count), dtype=np.float32)
        finite = np.isfinite(raw)
        scaled = raw - self.centre
        with np.errstate(over="ignore"):
            scaled *= self.scale
        if not finite.all():
            missing = ~finite
            scaled[missing] = 0.0
            numbers[:, self.raw_width :] = missing[:, self.indicators]
        else:
            numbers[:, self.raw_width :] = 0.0
        np.maximum(scaled, -LARGEST_SCALED, out=scaled)
        np.minimum(scaled, LARGEST_SCALED, out=scaled)
        bent = scaled / 3.0
        bent *= bent
        bent += 1.0
        np.sqrt(bent, out=bent)
        numbers[:, : self.raw_width] = np.divide(scaled, bent, out=bent)
        return numbers

    def _first_problem(self, by_name: Mapping[str, Values], rows: int) -> RowProblem:
        """Look at the rows one by one for the first bad value."""
        for row in range(rows):
            for column in self.columns:
                try:
                    value = by_name[column.name][row : row + 1]
                    _write(column, value, np.empty((1, column.width)))
                    if isinstance(column, CodedColumn):
                        column.codes(list_values(value))
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


def _write(column: Column, values: Values, block: Matrix) -> None:
    """Let a column write its values; numbers that are numbers already take a short way. Raises `BadValue`."""
    if isinstance(column, NumberColumn):
        if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
            block[:, 0] = values
            if np.isinf(block[:, 0]).any():
                raise BadValue("must be a finite number, got infinity; send NaN where it is not known")
            return
        if isinstance(values, list):
            try:
                block[:, 0] = array("d", values)
            except (TypeError, OverflowError):
                pass
            else:
                return
    column.write(list_values(values), block)


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
