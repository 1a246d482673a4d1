"""Forecasts by rules and by classical models, in NumPy: fitted in training, computed again when asked.

Every candidate takes values without gaps, shape (series, steps), and gives medians, shape (series, horizon). What has
to be fitted for a series are four numbers (`smoothing.fit_settings`); the others need none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelyard.features.series.smoothing import Floats, extrapolate, fit_settings, smooth

MOST_SEASONS = 5
"""Of the past that a drift and a mean over seasons look at."""
LONGEST_SMOOTHED = 200
"""Seasons of more steps are too long to be smoothed one by one."""
SEASONAL_SHARE = 1.645
"""A season counts when its autocorrelation is beyond this many standard errors (90 %, two-sided), as in the theta
method of the M3 competition."""


@dataclass(frozen=True)
class Candidate:
    """A way to forecast and the season that it assumes; written `theta@12`."""

    kind: str
    period: int

    @property
    def name(self) -> str:
        return f"{self.kind}@{self.period}"

    @property
    def is_fitted(self) -> bool:
        return self.kind in FITS

    @classmethod
    def named(cls, name: str) -> "Candidate":
        kind, _, period = name.partition("@")
        return cls(kind, int(period))

    def fit(self, values: Floats) -> Floats:
        """Return what forecasting needs to know of each series, shape (series, 4)."""
        return FITS[self.kind](values, self.period)

    def forecast(self, values: Floats, settings: Floats, horizon: int) -> Floats:
        return FORECASTS[self.kind](values, settings, self.period, horizon)


def list_candidates(periods: tuple[int, ...], steps: int) -> list[Candidate]:
    """What is worth trying for series of so many steps; `periods` are seasons, the shortest first, (1,) for none."""
    found = [Candidate("naive", 1), Candidate("drift", 1), Candidate("median", periods[0])]
    for period in periods:
        if period > 1 and steps >= period + 2:
            found.append(Candidate("seasonal_naive", period))
        if period > 1 and steps >= 2 * period + 2:
            found += [Candidate("seasonal_drift", period), Candidate("seasonal_mean", period)]
            found.append(Candidate("theta", period))
        if period <= LONGEST_SMOOTHED and steps >= max(2 * period + 2, 5):
            found += [Candidate("smoothing", period), Candidate("lasting", period)]
            found += [Candidate("log_smoothing", period), Candidate("log_lasting", period)]
    if periods == (1,) and steps >= 5:
        found.append(Candidate("theta", 1))
    return found


def _naive(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    return np.repeat(values[:, -1:], horizon, axis=1)


def _drift(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    slope = (values[:, -1:] - values[:, :1]) / max(1, values.shape[1] - 1)
    return np.asarray(values[:, -1:] + slope * np.arange(1, horizon + 1))


def _median(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    recent = values[:, -max(2 * period, 28) :]
    return np.repeat(np.median(recent, axis=1)[:, None], horizon, axis=1)


def _seasonal_naive(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    return values[:, -period:][:, np.arange(horizon) % period]


def _seasonal_drift(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    """Last season, moved on by how much a season differs from the one before, over the last few."""
    seasons = min(values.shape[1] // period, MOST_SEASONS)
    last = values[:, -period:]
    first = values[:, -seasons * period :][:, :period]
    growth = (last.mean(axis=1) - first.mean(axis=1)) / (seasons - 1)
    ahead = np.arange(horizon) // period + 1
    return np.asarray(last[:, np.arange(horizon) % period] + growth[:, None] * ahead)


def _seasonal_mean(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    """The mean of the same phase of the last few seasons."""
    seasons = min(values.shape[1] // period, MOST_SEASONS - 1)
    means = values[:, -seasons * period :].reshape(len(values), seasons, period).mean(axis=1)
    return np.asarray(means[:, np.arange(horizon) % period])


def _smoothing(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    return extrapolate(smooth(values, settings, period), settings, horizon)


def _fit_lasting(values: Floats, period: int) -> Floats:
    return fit_settings(values, period, lasting=True)


def _log_smoothing(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    """Smoothing of logarithms; series with values of zero or less are smoothed as they are."""
    found = np.empty((len(values), horizon))
    positive = values.min(axis=1) > 0
    if positive.any():
        logs = _smoothing(np.log(values[positive]), settings[positive], period, horizon)
        highest = np.log(values[positive].max(axis=1))[:, None] + 3.0
        found[positive] = np.exp(np.minimum(logs, highest))
    if not positive.all():
        found[~positive] = _smoothing(values[~positive], settings[~positive], period, horizon)
    return found


def _fit_logs(values: Floats, period: int, *, lasting: bool = False) -> Floats:
    positive = values.min(axis=1, keepdims=True) > 0
    logs = np.where(positive, np.log(np.where(positive, values, 1.0)), values)
    return fit_settings(logs, period, lasting=lasting)


def _theta(values: Floats, settings: Floats, period: int, horizon: int) -> Floats:
    """Assimakopoulos and Nikolopoulos, 2000, as simple smoothing with half the slope of the trend (Hyndman and Billah,
    2003)."""
    plain, season, multiplies = _deseasonalise(values, period)
    state = smooth(plain, settings, 1)
    alpha = np.maximum(settings[:, 0], 1e-6)
    steps = np.arange(values.shape[1])
    centred = steps - steps.mean()
    slope = plain @ centred / max(float(centred @ centred), 1.0) / 2.0
    ahead = np.arange(horizon) + (1.0 - (1.0 - alpha[:, None]) ** values.shape[1]) / alpha[:, None]
    flat = state.level[:, None] + slope[:, None] * ahead
    again = season[:, (values.shape[1] + np.arange(horizon)) % period]
    return np.asarray(np.where(multiplies[:, None], flat * again, flat + again))


def _fit_theta(values: Floats, period: int) -> Floats:
    plain, _, _ = _deseasonalise(values, period)
    settings = fit_settings(plain, 1)
    settings[:, 1:] = 0.0
    tries = np.stack(
        [np.repeat([[level, 0.0, 0.0, 0.0]], len(values), axis=0) for level in np.linspace(0.05, 0.95, 19)]
    )
    best = smooth(plain, tries, 1).errors.argmin(axis=0)
    return np.asarray(tries[best, np.arange(len(values))])


def _deseasonalise(values: Floats, period: int) -> tuple[Floats, Floats, np.ndarray]:
    """Return values without their season, the season by phase of the first value, and whether it multiplies."""
    steps = values.shape[1]
    multiplies = values.min(axis=1) > 0
    neutral = np.repeat(np.where(multiplies, 1.0, 0.0)[:, None], max(period, 1), axis=1)
    if period < 2 or steps < 2 * period:
        return values, neutral, multiplies
    trend = _moving_mean(values, period)
    inner = slice(period // 2, steps - period // 2)
    kept, phases = values[:, inner], np.arange(steps)[inner] % period
    safe = np.where(multiplies[:, None], trend[:, inner], 1.0)
    parts = np.where(multiplies[:, None], kept / safe, kept - trend[:, inner])
    season = np.stack([parts[:, phases == phase].mean(axis=1) for phase in range(period)], axis=1)
    middle = season.mean(axis=1, keepdims=True)
    season = np.where(multiplies[:, None], season / np.where(multiplies[:, None], middle, 1.0), season - middle)
    season = np.where(_is_seasonal(values, period)[:, None], season, neutral)
    again = season[:, np.arange(steps) % period]
    divisor = np.where(multiplies[:, None], again, 1.0)
    return np.where(multiplies[:, None], values / divisor, values - again), season, multiplies


def _moving_mean(values: Floats, period: int) -> Floats:
    """The centred mean over a season; its ends repeat."""
    weights = np.ones(period + 1 - period % 2) / period
    if period % 2 == 0:
        weights[0] = weights[-1] = 0.5 / period
    half = len(weights) // 2
    sums = np.apply_along_axis(lambda row: np.convolve(row, weights, mode="valid"), 1, values)
    return np.pad(sums, ((0, 0), (half, values.shape[1] - sums.shape[1] - half)), mode="edge")


def _is_seasonal(values: Floats, period: int) -> np.ndarray:
    steps = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    total = np.maximum((centred**2).sum(axis=1), 1e-300)
    lags = np.stack([(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / total for lag in range(1, period + 1)])
    limit = SEASONAL_SHARE * np.sqrt((1.0 + 2.0 * (lags[:-1] ** 2).sum(axis=0)) / steps)
    return np.asarray(np.abs(lags[-1]) > limit)


FORECASTS: dict[str, Callable[[Floats, Floats, int, int], Floats]] = {
    "naive": _naive,
    "drift": _drift,
    "median": _median,
    "seasonal_naive": _seasonal_naive,
    "seasonal_drift": _seasonal_drift,
    "seasonal_mean": _seasonal_mean,
    "theta": _theta,
    "smoothing": _smoothing,
    "lasting": _smoothing,
    "log_smoothing": _log_smoothing,
    "log_lasting": _log_smoothing,
}
FITS: dict[str, Callable[[Floats, int], Floats]] = {
    "theta": _fit_theta,
    "smoothing": fit_settings,
    "lasting": _fit_lasting,
    "log_smoothing": _fit_logs,
    "log_lasting": lambda values, period: _fit_logs(values, period, lasting=True),
}
