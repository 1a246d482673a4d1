"""Raw values and predictions counted in the bins of a `Reference`: fitted after training, counted alike in prediction.

Numbers have bins of equally many training rows (deciles), and one on each side for what training never saw. Few
different numbers have a bin each. Categories have a bin for each of the most frequent values.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.reference import EXTRA_BINS, Measure, Reference, ReferenceColumn, Role
from modelyard.features.base import BadValue, Features
from modelyard.features.columns import (
    CategoryColumn,
    CodedColumn,
    Column,
    DateColumn,
    FlagColumn,
    Levels,
    NumberColumn,
    TextColumn,
)
from modelyard.features.images import ImageFeatures
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import TextRows
from modelyard.features.values import parse_category, parse_date, parse_flag, parse_number

BINS = 10
SCORE_EDGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
MOST_VALUES = 30
MOST_COLUMNS = 200
FLAGS = ("yes", "no")
LABEL, SCORE, VALUE = "prediction:label", "prediction:score", "prediction:value"
Counts = NDArray[np.int64]
Read = Callable[[Sequence[Any]], Counts]
"""From raw values to how many fall into each bin."""


def fit_numbers(
    values: NDArray[np.float64], *, name: str, role: Role, measure: Measure, column: str
) -> ReferenceColumn:
    """Choose bins for numbers (NaN = missing) and count them. How sure a prediction is has the same bins always."""
    edges = np.array(SCORE_EDGES) if measure == "score" else _choose_edges(values[~np.isnan(values)])
    counts = count_numbers(values, edges)
    return ReferenceColumn(
        name=name,
        role=role,
        measure=measure,
        column=column,
        counts=tuple(counts.tolist()),
        edges=tuple(edges.tolist()),
    )


def _choose_edges(known: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(known):
        return np.empty(0)
    different = np.unique(known)
    if len(different) > BINS:
        shares = np.arange(1, BINS) / BINS
        different = np.unique(np.append(np.quantile(known, shares, method="inverted_cdf"), different[-1]))
    return np.append(np.nextafter(known.min(), -np.inf), different)


def count_numbers(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Counts:
    """How many numbers are in each bin, the missing last."""
    places = np.searchsorted(edges, values, side="left")
    places[np.isnan(values)] = len(edges) + 1
    return np.bincount(places, minlength=len(edges) + 2)


def fit_labels(labels: Sequence[str], *, name: str, role: Role, column: str) -> ReferenceColumn:
    """Give the most frequent labels a bin each and count them; the rest are "other"."""
    found = Counter(labels)
    listed = [label for label, _ in found.most_common(MOST_VALUES)]
    other = len(labels) - sum(found[label] for label in listed)
    counts = (*(found[label] for label in listed), other, 0, 0)
    return ReferenceColumn(
        name=name, role=role, measure="label", column=column, counts=counts, values=tuple(listed) or ("",)
    )


def fit_inputs(features: Features, columns: Mapping[str, Sequence[Any]]) -> list[ReferenceColumn]:
    """The distribution of every column that the features of a table or of texts look at, from parsed or raw training
    values."""
    return [_fit_column(column, columns[column.name]) for column in _list_columns(features)[:MOST_COLUMNS]]


def _list_columns(features: Features) -> tuple[Column, ...]:
    """What is watched: of texts their length."""
    if isinstance(features, TextRows):
        texts = tuple(TextColumn(name, (), characters=False) for name in features.texts)
        return texts + (features.table.columns if features.table else ())
    return features.columns if isinstance(features, TableFeatures) else ()


def fit_images(pixels: NDArray[Any], name: str) -> list[ReferenceColumn]:
    """The distribution of brightness and contrast of pictures, shape (rows, height, width, channels)."""
    brightness, contrast = _measure_pictures(pixels)
    return [
        fit_numbers(brightness, name=f"input:{name}:brightness", role="input", measure="brightness", column=name),
        fit_numbers(contrast, name=f"input:{name}:contrast", role="input", measure="contrast", column=name),
    ]


def _measure_pictures(pixels: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    brightness = np.array([float(np.mean(picture)) for picture in pixels], dtype=np.float64)
    contrast = np.array([float(np.std(picture)) for picture in pixels], dtype=np.float64)
    return brightness, contrast


def _fit_column(column: Column, values: Sequence[Any]) -> ReferenceColumn:
    if isinstance(column, FlagColumn):
        reference = _blank_category(column.name, FLAGS)
    elif isinstance(column, (CategoryColumn, CodedColumn)):
        found = Counter(column.levels.find(value) for value in values)
        codes = sorted(range(1, len(column.levels) + 1), key=lambda code: (-found[code], code))
        listed = tuple(column.levels.levels[code - 1] for code in codes[:MOST_VALUES])
        reference = _blank_category(column.name, listed or ("",))
    else:
        measure: Measure = (
            "date" if isinstance(column, DateColumn) else "length" if isinstance(column, TextColumn) else "value"
        )
        numbers = np.array([number_of(column, value) for value in values], dtype=np.float64)
        return fit_numbers(numbers, name=_name_of(column.name), role="input", measure=measure, column=column.name)
    counts = reader_of(column, reference)(values)
    return ReferenceColumn(**{**reference.__dict__, "counts": tuple(counts.tolist())})


def _blank_category(name: str, values: tuple[str, ...]) -> ReferenceColumn:
    counts = (0,) * (len(values) + EXTRA_BINS)
    return ReferenceColumn(
        name=_name_of(name), role="input", measure="label", column=name, counts=counts, values=values
    )


def _name_of(column: str) -> str:
    return f"input:{column}"


def number_of(column: Column, value: Any) -> float:
    """What is counted of one raw value of a number, a date or a text; NaN where there is none."""
    try:
        if isinstance(column, NumberColumn):
            return parse_number(value, column.style)
        if isinstance(column, DateColumn):
            return parse_date(value, column.order)
        text = parse_category(value)
    except BadValue:
        return float("nan")
    return float("nan") if text is None else float(len(text))


def reader_of(column: Column, reference: ReferenceColumn) -> Read:
    """What counts raw values of `column` in the bins of its reference."""
    if isinstance(column, (CategoryColumn, CodedColumn)):
        return _read_levels(column.levels, reference)
    if isinstance(column, FlagColumn):
        return _read_flags
    edges = np.array(reference.edges)
    return lambda values: count_numbers(
        np.array([number_of(column, value) for value in values], dtype=np.float64), edges
    )


def _read_flags(values: Sequence[Any]) -> Counts:
    places = [2 + EXTRA_BINS - 1 if flag != flag else 0 if flag else 1 for flag in map(parse_flag, values)]
    return np.bincount(places, minlength=2 + EXTRA_BINS)


def _read_levels(levels: Levels, reference: ReferenceColumn) -> Read:
    listed = {value: place for place, value in enumerate(reference.values)}
    other, unknown, missing = (len(listed) + extra for extra in range(EXTRA_BINS))
    places = [unknown, *(listed.get(level, other) for level in levels.levels)]

    def read(values: Sequence[Any]) -> Counts:
        found = [places[levels.find(value)] if value is not None else missing for value in values]
        for index, place in enumerate(found):
            if place == unknown and parse_category(values[index]) is None:
                found[index] = missing
        return np.bincount(found, minlength=missing + 1)

    return read


class Binner:
    """Counts rows and predictions in the bins of a reference, from nothing or since the last `take`."""

    def __init__(self, features: Features, reference: Reference) -> None:
        self._counts: dict[str, Counts] = {
            column.name: np.zeros(len(column.counts), dtype=np.int64) for column in reference.columns
        }
        self._pictures = features if isinstance(features, ImageFeatures) else None
        inputs = {column.column: column for column in reference.columns if column.role == "input"}
        known = _list_columns(features)
        self._reads = {
            column.name: (inputs[column.name].name, reader_of(column, inputs[column.name]))
            for column in known
            if column.name in inputs
        }
        self._picture_columns = [column for column in reference.columns if column.role == "input"]
        self._outputs = [column for column in reference.columns if column.role == "prediction"]
        self.rows = 0

    def count_rows(self, rows: Sequence[Any]) -> None:
        """Count rows of a table, or pictures. Raises `BadValue` for what features would not have taken."""
        if self._pictures is not None:
            self._count_pictures(self._pictures, rows)
        else:
            for column, (name, read) in self._reads.items():
                self._counts[name] += read([row.get(column) for row in rows])
        self.rows += len(rows)

    def count_predictions(self, predictions: Sequence[Mapping[str, Any]]) -> None:
        """Count predictions as callers get them."""
        for column in self._outputs:
            counts = self._counts[column.name]
            if column.is_category:
                places = {value: place for place, value in enumerate(column.values)}
                for prediction in predictions:
                    counts[places.get(prediction["label"], len(places))] += 1
            else:
                key = "score" if column.measure == "score" else "value"
                numbers = np.array([prediction[key] for prediction in predictions], dtype=np.float64)
                counts += count_numbers(numbers, np.array(column.edges))

    def take(self) -> dict[str, tuple[int, ...]]:
        """Return what was counted and start anew; columns of which nothing was seen are left out."""
        taken = {name: tuple(counts.tolist()) for name, counts in self._counts.items() if counts.any()}
        for counts in self._counts.values():
            counts[:] = 0
        self.rows = 0
        return taken

    def _count_pictures(self, features: ImageFeatures, rows: Sequence[Any]) -> None:
        measured = dict(
            zip(("brightness", "contrast"), _measure_pictures([features.read(row) for row in rows]), strict=True)
        )
        for column in self._picture_columns:
            self._counts[column.name] += count_numbers(measured[column.measure], np.array(column.edges))
