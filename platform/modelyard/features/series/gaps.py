"""Series on their calendar: one value a period, with what is missing filled in by season and neighbours."""

import numpy as np
from numpy.typing import NDArray

from modelyard.features.series.smoothing import Floats


def lay_out(indexes: NDArray[np.int64], values: Floats) -> tuple[int, Floats]:
    """Return the first period and a value for every period from it on, NaN where there is none; the mean of several."""
    first = int(indexes.min())
    places = indexes - first
    known = ~np.isnan(values)
    counts = np.bincount(places[known], minlength=int(places.max()) + 1)
    sums = np.bincount(places[known], weights=values[known], minlength=len(counts))
    return first, np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def fill_gaps(values: Floats, period: int) -> Floats:
    """Return values without NaN: lines between neighbours, with the season of the known values put on them.

    A series without any value is all zero.
    """
    known = ~np.isnan(values)
    if known.all():
        return values
    if not known.any():
        return np.zeros_like(values)
    steps = np.arange(len(values))
    season = np.zeros(len(values))
    if period > 1 and known.sum() >= 2 * period:
        season = _find_season(values, known, period)[steps % period]
    plain = np.interp(steps, steps[known], (values - season)[known])
    return np.where(known, values, plain + season)


def _find_season(values: Floats, known: NDArray[np.bool_], period: int) -> Floats:
    """How each phase lies above or below the mean over a season around it; 0 for a phase that is never known."""
    steps = np.arange(len(values))
    rough = np.interp(steps, steps[known], values[known])
    width = min(period, len(values))
    trend = np.convolve(
        np.pad(rough, (width // 2, width - 1 - width // 2), mode="edge"), np.ones(width) / width, "valid"
    )
    phases = steps % period
    counts = np.bincount(phases[known], minlength=period)
    sums = np.bincount(phases[known], weights=(values - trend)[known], minlength=period)
    season = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
    return np.asarray(season - season.mean())
