"""How far to forecast, which seasons to look for, and where the past is cut to try it out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.features.series.calendars import DAY, Calendar
from modelyard.features.series.smoothing import Floats
from workers.training.failures import TrainingFailure

FEWEST_KEPT = 3
"""Values that must be left before a cut."""
WINDOWS = ((20, 5), (100, 4), (1000, 3))
"""Cuts for validation with fewer series than the first number; 2 with more."""
SHARE_AHEAD = 0.2
"""Of the usual length, that the horizon takes at most where nobody says how far to forecast."""
LONGEST_SEASON_TRIED = 40
SEASONAL = 0.3
"""The autocorrelation from which a season of plain numbers is believed."""


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """How many of the last periods of each series are hidden: for the test, and for each validation."""

    test: int
    validation: tuple[int, ...]


def choose_horizon(wanted: int | None, calendar: Calendar, lengths: Sequence[int]) -> int:
    """Return what was asked for, else a useful horizon. Raises `TrainingFailure` where the past is too short."""
    usual = int(np.median(lengths))
    if wanted is not None:
        if max(lengths) < wanted + FEWEST_KEPT:
            raise TrainingFailure(
                "too_short",
                _(
                    "the longest series has {length:,} periods, too few to forecast {horizon} of them",
                    length=max(lengths),
                    horizon=wanted,
                ),
                _("Choose a shorter horizon, or add older rows."),
            )
        return wanted
    return int(np.clip(_useful(calendar), 1, max(1, round(SHARE_AHEAD * usual))))


def _useful(calendar: Calendar) -> int:
    if calendar.unit == "months":
        return {1: 24, 3: 8, 12: 6}.get(int(calendar.step), 6)
    if calendar.unit == "workdays":
        return 20
    if calendar.unit == "numbers":
        return 12
    if calendar.step >= 6.5 * DAY:
        return 52
    if calendar.step >= DAY:
        return 28
    return 2 * calendar.seasons()[0]


def choose_periods(
    wanted: int | None, calendar: Calendar, values: Sequence[Floats], horizon: int
) -> tuple[tuple[int, ...], tuple[Sentence, ...]]:
    """Return the seasons that the past is long enough for, the shortest first, (1,) where there is none."""
    usual = int(np.median([len(one) for one in values])) - horizon
    if wanted is not None:
        if wanted > 1 and usual < wanted + 2:
            told = _("The series are too short for a season of {season} periods; none is used.", season=wanted)
            return (1,), (told,)
        return (wanted,), ()
    known = calendar.seasons() if calendar.unit != "numbers" else (detect_season(values),)
    fitting = tuple(period for period in known if usual >= 2 * period + 2)
    if fitting:
        return fitting, ()
    if known[0] > 1 and usual >= known[0] + 2:
        return (known[0],), ()
    return (1,), ()


def detect_season(values: Sequence[Floats]) -> int:
    """The lag at which most series resemble themselves, 1 where none does."""
    found = np.zeros(LONGEST_SEASON_TRIED + 2)
    counted = 0
    for line in values[:200]:
        known = np.where(np.isnan(line), np.nanmean(line), line) if not np.isnan(line).all() else np.zeros_like(line)
        plain = np.diff(known)
        if len(plain) < 12 or plain.std() == 0:
            continue
        centred = plain - plain.mean()
        most = min(LONGEST_SEASON_TRIED + 1, len(plain) // 3)
        lags = [float(centred[lag:] @ centred[:-lag] / (centred @ centred)) for lag in range(1, most + 1)]
        found[1 : most + 1] += lags
        counted += 1
    if not counted:
        return 1
    means = found / counted
    best = int(means[2:].argmax()) + 2
    return best if means[best] > SEASONAL else 1


def choose_cuts(horizon: int, periods: tuple[int, ...], lengths: Sequence[int]) -> Cuts:
    """The last horizon is the test; validations end where it begins, or earlier, at equal distances."""
    usual = int(np.median(lengths))
    count = next((number for below, number in WINDOWS if len(lengths) < below), 2)
    needed = max(2 * periods[0] + 2, horizon // 2, FEWEST_KEPT)
    room = usual - 2 * horizon - needed
    stride = max(1, min(horizon, room // max(1, count - 1))) if room > 0 else horizon
    count = max(1, min(count, room // stride + 1)) if room >= 0 else 1
    return Cuts(test=horizon, validation=tuple(2 * horizon + stride * number for number in range(count)))
