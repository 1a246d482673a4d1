"""From the past of series to the inputs of the numeric core: forecasts of every candidate, scaled alike for all series.

A series is scaled by its centre, the mean of its last season, and by how much it usually differs from the season
before: an error of 1 then is the error of the seasonal-naive forecast (Hyndman and Koehler, 2006, the scale of MASE).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelyard.features.series.candidates import Candidate
from modelyard.features.series.smoothing import Floats

LOWEST = -1e300
"""The floor of series that may be negative."""
LARGEST_SCALED = 1e6
Settings = Mapping[str, Floats]
"""For each fitted candidate by name the settings of the series, shape (series, 4)."""


@dataclass(frozen=True)
class Outlooks:
    """`medians` (series, horizon, candidates) and `window` (series, steps) are scaled; the rest is (series,)."""

    medians: NDArray[np.float32]
    window: NDArray[np.float32]
    centre: Floats
    scale: Floats
    floor: Floats

    def take(self, places: Sequence[int] | NDArray[np.int64]) -> "Outlooks":
        chosen = np.asarray(places, dtype=np.int64)
        return Outlooks(
            self.medians[chosen], self.window[chosen], self.centre[chosen], self.scale[chosen], self.floor[chosen]
        )

    @classmethod
    def join(cls, parts: "Sequence[Outlooks]") -> "Outlooks":
        names = ("medians", "window", "centre", "scale", "floor")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How outlooks are made. `periods` are seasons, the shortest first; the last `longest` steps of a series count, and
    `window` of them are shown to the network (0: there is none).
    """

    periods: tuple[int, ...]
    horizon: int
    longest: int
    window: int
    candidates: tuple[Candidate, ...]

    def fit(self, values: Sequence[Floats]) -> dict[str, Floats]:
        """Fit every candidate that can be fitted to every series."""
        settings = {one.name: np.zeros((len(values), 4)) for one in self.candidates if one.is_fitted}
        for length, places in _by_length(values, self.longest).items():
            block = np.stack([values[place][-length:] for place in places])
            for one in self.candidates:
                if one.is_fitted and length >= _fewest(one):
                    settings[one.name][places] = one.fit(block)
        return settings

    def look(self, values: Sequence[Floats], settings: Settings) -> Outlooks:
        """Return the outlooks of series, none of them empty and none with gaps."""
        shape = (len(values), self.horizon, len(self.candidates))
        medians, window = np.empty(shape, np.float32), np.empty((len(values), self.window), np.float32)
        centre, scale, floor = np.empty(len(values)), np.empty(len(values)), np.empty(len(values))
        for length, places in _by_length(values, self.longest).items():
            block = np.stack([values[place][-length:] for place in places])
            centre[places], scale[places] = measure(block, self.periods[0])
            floor[places] = np.where(block.min(axis=1) >= 0.0, 0.0, LOWEST)
            window[places] = self._show(block, centre[places], scale[places])
            found = self._forecast(block, {name: rows[places] for name, rows in settings.items()})
            scaled = (found - centre[places][:, None, None]) / scale[places][:, None, None]
            medians[places] = np.clip(scaled, -LARGEST_SCALED, LARGEST_SCALED)
        return Outlooks(medians, window, centre, scale, floor)

    def _forecast(self, block: Floats, settings: Settings) -> Floats:
        """Forecasts of every candidate, those that need a longer past replaced by a simpler one."""
        found = []
        nothing = np.zeros((len(block), 4))
        for one in self.candidates:
            if block.shape[1] >= _fewest(one):
                found.append(one.forecast(block, settings.get(one.name, nothing), self.horizon))
            else:
                found.append(self._stand_in(block))
        return np.stack(found, axis=2)

    def _stand_in(self, block: Floats) -> Floats:
        period = self.periods[0] if block.shape[1] >= self.periods[0] else 1
        return block[:, -period:][:, np.arange(self.horizon) % period]

    def _show(self, block: Floats, centre: Floats, scale: Floats) -> Floats:
        """The last steps, scaled; what is before the beginning repeats the first season."""
        shown = block[:, block.shape[1] - min(self.window, block.shape[1]) :]
        missing = self.window - shown.shape[1]
        if missing > 0:
            period = min(self.periods[0], shown.shape[1])
            before = shown[:, :period][:, np.arange(-missing, 0) % period]
            shown = np.concatenate([before, shown], axis=1)
        scaled = (shown - centre[:, None]) / scale[:, None]
        return np.asarray(np.clip(scaled, -LARGEST_SCALED, LARGEST_SCALED))


def measure(block: Floats, period: int) -> tuple[Floats, Floats]:
    """The centre and the scale of each series."""
    centre = block[:, -period:].mean(axis=1)
    if block.shape[1] > period:
        recent = block[:, -(10 * period + 30) :]
        scale = np.abs(recent[:, period:] - recent[:, :-period]).mean(axis=1)
    else:
        scale = block.std(axis=1)
    scale = np.where(scale > 0, scale, block.std(axis=1))
    return centre, np.maximum(scale, 1e-9 * np.maximum(1e-9, np.abs(block).max(axis=1)))


def _by_length(values: Sequence[Floats], longest: int) -> dict[int, NDArray[np.int64]]:
    """The places of the series by how many steps of them count."""
    lengths = np.array([min(len(one), longest) for one in values], dtype=np.int64)
    return {int(length): np.flatnonzero(lengths == length) for length in np.unique(lengths)}


def _fewest(one: Candidate) -> int:
    """The steps that a candidate needs."""
    if one.kind in ("naive", "drift", "median"):
        return 1
    if one.kind == "seasonal_naive":
        return one.period
    return max(2 * one.period + 2, 5)
