"""Surveys and kinds to the `ColumnProfile` that people see: figures, bars and examples."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelyard.contracts.profile import Bar, ColumnProfile
from modelyard.features.base import BadValue
from modelyard.features.values import MISSING_WORDS, parse_date, parse_number
from workers.ingesting import limits
from workers.ingesting.kinds import Guess
from workers.ingesting.surveying import Survey, encode

Floats = NDArray[np.float64]

_PLAIN = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$"
_NAMED_CELLS = 12


@dataclass
class Readings:
    """A column read as numbers or seconds, NaN where missing. `bad` are the first cells that say something else."""

    values: Floats
    bad_count: int = 0
    lost_count: int = 0
    bad: list[tuple[int, str]] = field(default_factory=list)
    lost: list[tuple[int, str]] = field(default_factory=list)


def read_values(guess: Guess, rows: int, chunks: Iterator[pa.Array]) -> Readings:
    """Read every cell by the parser that training and prediction use.

    `bad` cells are not of the kind at all; `lost` ones are words for "missing", infinities or days that do not exist.
    """
    readings = Readings(np.full(rows, np.nan))
    start = 0
    for chunk in chunks:
        parse = _number_parser(guess) if guess.kind == "number" else _date_parser(guess)
        plain = _plain_numbers(chunk) if guess.kind == "number" and guess.style == "point" else None
        here = readings.values[start : start + len(chunk)]
        if plain is not None:
            numbers, read = plain
            here[:] = numbers
            left = np.flatnonzero(~read)
            _parse_cells(chunk.take(pa.array(left)), left + start, parse, readings)
        else:
            _parse_cells(chunk, np.arange(start, start + len(chunk)), parse, readings)
        start += len(chunk)
    readings.bad.sort()
    readings.lost.sort()
    return readings


def _plain_numbers(chunk: pa.Array) -> tuple[Floats, NDArray[np.bool_]]:
    """Read the usual writing of numbers all at once; the mask tells which cells were read."""
    matches = pc.fill_null(pc.match_substring_regex(chunk, _PLAIN), False)
    texts = pc.if_else(matches, chunk, pa.scalar(None, pa.large_string()))
    numbers = pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    finite = np.isfinite(numbers)
    numbers[~finite] = np.nan
    return numbers, finite | chunk.is_null().to_numpy(zero_copy_only=False)


def _number_parser(guess: Guess) -> Callable[[str], float]:
    return lambda text: parse_number(text, guess.style)


def _date_parser(guess: Guess) -> Callable[[str], float]:
    return lambda text: parse_date(text, guess.order or "month")


def _parse_cells(chunk: pa.Array, rows: NDArray[np.int64], parse: Callable[[str], float], readings: Readings) -> None:
    if not len(chunk):
        return
    values, indices = encode(chunk)
    parsed = np.full(len(values), np.nan)
    bad = np.zeros(len(values), bool)
    for index, value in enumerate(values[:-1]):
        try:
            parsed[index] = parse(value or "")
        except BadValue:
            bad[index] = True
    readings.values[rows] = parsed[indices]
    present = indices < len(values) - 1
    bad_cells = np.flatnonzero(bad[indices])
    lost_cells = np.flatnonzero(present & ~bad[indices] & np.isnan(parsed[indices]))
    readings.bad_count += len(bad_cells)
    readings.lost_count += len(lost_cells)
    readings.bad += [(int(rows[cell]), values[indices[cell]] or "") for cell in bad_cells[:_NAMED_CELLS]]
    readings.lost += [(int(rows[cell]), values[indices[cell]] or "") for cell in lost_cells[:_NAMED_CELLS]]


def describe_numbers(survey: Survey, guess: Guess, readings: Readings) -> ColumnProfile:
    """Return the profile of a column of numbers or dates."""
    values = readings.values[np.isfinite(readings.values)]
    if not len(values):
        return _profile(survey, guess, missing=survey.rows)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = _finite(np.mean(values)), _finite(np.std(values))
    return _profile(
        survey,
        guess,
        missing=survey.rows - len(values),
        minimum=float(values.min()),
        maximum=float(values.max()),
        mean=mean,
        median=_finite(np.median(values)),
        deviation=deviation,
        bars=_histogram(values, survey.distinct),
    )


def describe_words(survey: Survey, guess: Guess) -> ColumnProfile:
    """Return the profile of a column of words: its most frequent values."""
    shows_values = guess.kind in ("category", "flag") or (survey.complete and guess.kind == "text")
    top = survey.counts.most_common(limits.MAXIMUM_TOP_VALUES) if shows_values else []
    missing = survey.missing
    if guess.kind == "flag":
        missing += sum(count for value, count in survey.counts.items() if value.lower() in MISSING_WORDS)
    bars = tuple(Bar(value=value[: limits.SHOWN_CHARACTERS], count=count) for value, count in top)
    return _profile(survey, guess, missing=missing, bars=bars)


def _profile(
    survey: Survey,
    guess: Guess,
    *,
    missing: int,
    minimum: float | None = None,
    maximum: float | None = None,
    mean: float | None = None,
    median: float | None = None,
    deviation: float | None = None,
    bars: tuple[Bar, ...] = (),
) -> ColumnProfile:
    examples = [value[: limits.SHOWN_CHARACTERS] for value in list(survey.counts)[: limits.MAXIMUM_EXAMPLES]]
    return ColumnProfile(
        name=survey.name,
        kind=guess.kind,
        missing=missing,
        distinct=survey.distinct,
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        median=median,
        deviation=deviation,
        bars=bars,
        examples=tuple(examples),
    )


def _histogram(values: Floats, distinct: int) -> tuple[Bar, ...]:
    low, high = float(values.min()), float(values.max())
    if low == high:
        return (Bar(low=low, high=high, count=len(values)),)
    bins = min(limits.MAXIMUM_BARS, distinct)
    if not math.isfinite(high - low) or (high - low) / bins <= abs(high) * 1e-15:
        return ()
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    return tuple(
        Bar(low=float(edges[index]), high=float(edges[index + 1]), count=int(count))
        for index, count in enumerate(counts)
    )


def _finite(number: np.floating) -> float | None:
    return float(number) if np.isfinite(number) else None
