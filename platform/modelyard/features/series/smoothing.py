"""Exponential smoothing of many series at once: level, damped trend and an additive season.

The error-correction form of Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", chapter 8. On logs
the same additive model is a multiplicative one. Settings are searched on a grid and then refined, by the corrected
information criterion of Akaike (AICc) on one-step errors; nothing is random, so equal series give equal forecasts.

Arrays of values have the shape (series, steps); settings (…, series, 4): level, trend, season, damping. A trend or a
season of 0 that also starts at 0 is none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVELS = (0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
TRENDS = ((0.0, 0.0), (0.02, 0.9), (0.1, 0.9), (0.02, 0.98), (0.02, 1.0), (0.1, 1.0), (0.3, 0.9))
"""Pairs of trend and damping; the first is no trend."""
LASTING = ((0.003, 1.0), (0.02, 1.0), (0.05, 1.0), (0.02, 0.995))
"""Trends that go on, for who looks far ahead: errors of one step never tell whether they will."""
SEASONS = (0.0, 0.03, 0.1, 0.25)
ROUNDS = 3
MOST_CELLS = 4_000_000
"""Numbers (settings x series x steps of a season) that are worked on at once."""
FEWEST_SEASONS = 2.0


@dataclass(frozen=True)
class State:
    """Where smoothing ended: `level` and `trend` (…, series), `season` (…, series, period), the oldest phase first."""

    level: Floats
    trend: Floats
    season: Floats
    errors: Floats


def smooth(values: Floats, settings: Floats, period: int) -> State:
    """Run over `values`; `errors` are the mean squares of the one-step errors after the first season."""
    seasonal = settings[..., 2] > 0.0
    level, trend, season = _start(values, period)
    shape = settings.shape[:-1]
    alpha, beta, gamma, phi = (settings[..., index] for index in range(4))
    beta = alpha * beta
    level = np.broadcast_to(level, shape).copy()
    trend = np.where(phi > 0.0, np.broadcast_to(trend, shape), 0.0)
    ring = np.where(seasonal[..., None], np.broadcast_to(season, (*shape, period)), 0.0)
    ring = np.ascontiguousarray(np.moveaxis(ring, -1, 0))
    squares = np.zeros(shape)
    warm = min(period, values.shape[1] - 1)
    for step in range(values.shape[1]):
        phase = step % period
        base = level + phi * trend
        error = values[:, step] - base - ring[phase]
        level = base + alpha * error
        trend = phi * trend + beta * error
        ring[phase] += gamma * error
        if step >= warm:
            squares += error * error
    order = (values.shape[1] + np.arange(period)) % period
    counted = max(1, values.shape[1] - warm)
    return State(level, trend, np.moveaxis(ring[order], 0, -1), squares / counted)


def extrapolate(state: State, settings: Floats, steps: int) -> Floats:
    """Return the forecasts, shape (series, steps)."""
    phi = settings[:, 3]
    growth = np.cumsum(phi[:, None] ** np.arange(1, steps + 1), axis=1)
    period = state.season.shape[-1]
    season = state.season[:, np.arange(steps) % period]
    return np.asarray(state.level[:, None] + state.trend[:, None] * growth + season)


def fit_settings(values: Floats, period: int, *, lasting: bool = False) -> Floats:
    """Return the settings of each series, shape (series, 4); `lasting` ones have a trend that goes on."""
    count = len(values)
    grid = _grid(period, values.shape[1], LASTING if lasting else TRENDS)
    at_once = max(1, MOST_CELLS // (len(grid) * max(period, 8)))
    chosen = [
        _fit_some(values[start : start + at_once], grid, period, refine=count <= 2000)
        for start in range(0, count, at_once)
    ]
    return np.concatenate(chosen) if chosen else np.empty((0, 4))


def _grid(period: int, steps: int, trends: tuple[tuple[float, float], ...]) -> Floats:
    seasons = SEASONS if period > 1 and steps >= FEWEST_SEASONS * period else (0.0,)
    rows = [
        (level, trend, min(season, 1.0 - level), damping)
        for level in LEVELS
        for trend, damping in trends
        for season in seasons
    ]
    return np.array(rows)


def _fit_some(values: Floats, grid: Floats, period: int, *, refine: bool) -> Floats:
    settings = np.broadcast_to(grid[:, None, :], (len(grid), len(values), 4))
    best, score = _choose(values, settings, period)
    for width in (0.5, 0.25, 0.12)[: ROUNDS if refine else 0]:
        around = _around(best, width)
        found, found_score = _choose(values, around, period)
        better = found_score < score
        best = np.where(better[:, None], found, best)
        score = np.where(better, found_score, score)
    return best


def _choose(values: Floats, settings: Floats, period: int) -> tuple[Floats, Floats]:
    """The best of several settings for each series, and its AICc."""
    errors = smooth(values, settings, period).errors
    count = max(values.shape[1] - min(period, values.shape[1] - 1), 3)
    parameters = 2.0 + (settings[..., 3] > 0) * 2.0 + (settings[..., 3] % 1.0 > 0) + (settings[..., 2] > 0) * 2.0
    spread = np.maximum(np.var(values, axis=1), 1e-300)
    criterion = count * np.log(errors / spread + 1e-12) + 2 * parameters
    criterion += 2 * parameters * (parameters + 1) / np.maximum(1.0, count - parameters - 1)
    index = criterion.argmin(axis=0)
    series = np.arange(len(values))
    return settings[index, series], criterion[index, series]


def _around(best: Floats, width: float) -> Floats:
    """Settings near the best ones, in every direction that is in use."""
    level, trend, season, damping = best.T
    tries = []
    for factor in (1.0 + width, 1.0 / (1.0 + width)):
        tries.append((np.clip(level * factor, 0.005, 0.995), trend, season, damping))
        tries.append((level, np.clip(trend * factor, 0.0, 0.995), season, damping))
        tries.append((level, trend, season * factor, damping))
        damped = np.where((damping > 0) & (damping < 1), 1.0 - (1.0 - damping) * factor, damping)
        tries.append((level, trend, season, np.clip(damped, 0.0, 1.0)))
    stacked = np.array([np.stack(one, axis=-1) for one in tries])
    stacked[..., 2] = np.minimum(stacked[..., 2], np.maximum(1.0 - stacked[..., 0], 0.005) * (best[..., 2] > 0))
    return stacked


def _start(values: Floats, period: int) -> tuple[Floats, Floats, Floats]:
    """Level, trend and season to begin with, from the first seasons (Hyndman and others, 2008, section 2.6)."""
    steps = values.shape[1]
    if period > 1 and steps >= 2 * period:
        seasons = min(steps // period, 4)
        blocks = values[:, : seasons * period].reshape(len(values), seasons, period)
        means = blocks.mean(axis=2)
        trend = (means[:, -1] - means[:, 0]) / ((seasons - 1) * period)
        inside = (np.arange(period) - (period - 1) / 2) * trend[:, None]
        season = (blocks - means[:, :, None] - inside[:, None, :]).mean(axis=1)
        return means[:, 0] - trend * (period + 1) / 2, trend, season
    few = values[:, : max(2, min(8, steps))]
    if few.shape[1] < 2:
        return values[:, 0], np.zeros(len(values)), np.zeros((len(values), period))
    trend = (few[:, -1] - few[:, 0]) / (few.shape[1] - 1)
    return few.mean(axis=1) - trend * (few.shape[1] + 1) / 2, trend, np.zeros((len(values), period))
