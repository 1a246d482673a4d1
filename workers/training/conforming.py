"""Intervals for regressions by conformal prediction: as wide as held-out answers were wrong.

Split conformal prediction with normalised scores (Lei and others, "Distribution-free predictive inference for
regression", 2018; Papadopoulos and others, 2002). With held-out answers of members, each without a fold of the rows,
and the mean of all members as the model this is the practical form of CV+ (Barber and others, 2021).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features.decoder import ValueDecoder
from modelyard.features.intervals import Intervals

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
SHOWN = 0.9
FEWEST_ROWS = 20
ROWS_A_BIN, MOST_BINS = 40, 10
LEAST_SPREAD = 0.1
"""Of the median spread: values of a size at which held-out answers happened to be right are not certain."""
FOLDS = 5
PAYS = 0.99
"""Spreads by size are kept where they make the interval score this much smaller, out of fold."""
Numbers = NDArray[np.float64]


def fit_intervals(
    decoder: ValueDecoder, outputs: NDArray[Any], truth: Numbers, groups: NDArray[np.int64], seed: int
) -> Intervals | None:
    """Return intervals from held-out `outputs` of the core and the true values; None for too few rows."""
    rows = len(truth)
    if rows < FEWEST_ROWS:
        return None
    centres = decoder.centres({ValueDecoder.OUTPUT: np.asarray(outputs)})
    errors = np.abs(decoder.learn(truth) - centres)
    names, numbers = np.unique(groups, return_inverse=True)
    folds = np.random.default_rng([seed, 10]).permutation(len(names))[numbers] % FOLDS
    curve: tuple[Numbers, Numbers] = (np.zeros(1), np.ones(1))
    scores = errors
    if rows >= 2 * ROWS_A_BIN and errors.max() > 0:
        spreads = _spread_out_of_fold(centres, errors, folds)
        if _score(errors, spreads, folds) < PAYS * _score(errors, np.ones(rows), folds):
            curve, scores = _fit_spreads(centres, errors), errors / spreads
    widths = _find_widths(scores)
    if not widths:
        return None
    return Intervals(rows=rows, widths=widths, centres=curve[0].tolist(), spreads=curve[1].tolist())


def measure_intervals(decoder: ValueDecoder, outputs: Mapping[str, NDArray[Any]], truth: Numbers) -> dict[str, Any]:
    """Return for each level how many true values lay inside, and how wide the intervals were."""
    assert decoder.intervals is not None
    levels = []
    for level in decoder.intervals.levels:
        low, high = decoder.bounds(outputs, level)
        inside = (low <= truth) & (truth <= high)
        levels.append({"level": level, "coverage": float(inside.mean()), "width": float(np.median(high - low))})
    return {
        "shown": SHOWN if SHOWN in decoder.intervals.levels else decoder.intervals.levels[-1],
        "levels": levels,
        "calibration_rows": decoder.intervals.rows,
        "by_size": len(decoder.intervals.centres) > 1,
    }


def _find_widths(scores: Numbers) -> dict[float, float]:
    """For each level the ceil((n + 1) level)-th smallest score; a level that n rows cannot tell is left out."""
    ordered = np.sort(scores)
    places = {level: math.ceil((len(scores) + 1) * level - 1e-9) for level in LEVELS}
    return {level: float(ordered[place - 1]) for level, place in places.items() if place <= len(scores)}


def _fit_spreads(centres: Numbers, errors: Numbers) -> tuple[Numbers, Numbers]:
    """The mean error of values of about the same size: the middles of bins of equally many rows, and their spreads."""
    bins = int(min(MOST_BINS, max(1, len(centres) // ROWS_A_BIN)))
    order = np.array_split(np.argsort(centres, kind="stable"), bins)
    middles = np.array([centres[rows].mean() for rows in order])
    spreads = np.array([errors[rows].mean() for rows in order])
    spreads = np.maximum(spreads, LEAST_SPREAD * max(float(np.median(spreads)), 1e-12))
    distinct = np.append(True, np.diff(middles) > 0)
    return middles[distinct], spreads[distinct]


def _spread_out_of_fold(centres: Numbers, errors: Numbers, folds: NDArray[np.int64]) -> Numbers:
    spreads = np.ones(len(errors))
    for fold in range(FOLDS):
        held_out = folds == fold
        if held_out.any() and not held_out.all():
            spreads[held_out] = np.interp(centres[held_out], *_fit_spreads(centres[~held_out], errors[~held_out]))
    return np.maximum(spreads, 1e-12)


def _score(errors: Numbers, spreads: Numbers, folds: NDArray[np.int64]) -> float:
    """The interval score (Gneiting and Raftery, 2007) at the level shown: width, and a fine for what lies outside."""
    total = 0.0
    for fold in range(FOLDS):
        held_out = folds == fold
        if not held_out.any() or held_out.all():
            continue
        width = float(np.quantile((errors / spreads)[~held_out], SHOWN))
        halves = width * spreads[held_out]
        total += float((halves + np.maximum(0.0, errors[held_out] - halves) / (1.0 - SHOWN)).sum())
    return total
