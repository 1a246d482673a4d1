"""Prepares series: windows of the past with what came after them, and the features that forecast from now on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.features.series.candidates import Candidate, list_candidates
from modelyard.features.series.effects import Effects
from modelyard.features.series.features import SeriesFeatures
from modelyard.features.series.forecasts import ForecastDecoder
from modelyard.features.series.gaps import fill_gaps
from modelyard.features.series.outlooks import Outlooks, Recipe, measure
from modelyard.features.series.requests import Past
from modelyard.features.series.smoothing import Floats
from workers.training.failures import TrainingFailure
from workers.training.forecasting.horizons import FEWEST_KEPT, Cuts, choose_cuts, choose_horizon, choose_periods
from workers.training.forecasting.known import fit_effects
from workers.training.forecasting.panel import Panel, read_panel

MOST_TRIED = 1500
"""Series whose past is cut and forecast; of more, every second, third, … is."""
MOST_STORED = 3_000_000
"""Values that are kept in the features, of all series."""
SEASONS_KEPT = 10
LONGEST, SHORTEST = 1040, 240
LONGEST_WINDOW = 512


@dataclass(frozen=True)
class Trial:
    """Series cut at one place: what was known of each, and what came then (series, horizon; NaN in gaps), without the
    effects of known columns. `places` number the series in the panel, `effects` are those of the steps ahead."""

    places: NDArray[np.int64]
    outlooks: Outlooks
    truth: Floats
    effects: Floats
    cut: int


@dataclass(frozen=True, kw_only=True)
class SeriesMaterial:
    """Everything that training needs. `pasts` are the whole series without gaps and without the effects of known
    columns."""

    plan: Plan
    panel: Panel
    recipe: Recipe
    cuts: Cuts
    pasts: tuple[Floats, ...]
    validation: tuple[Trial, ...]
    test: Trial | None
    features: SeriesFeatures
    decoder: ForecastDecoder
    notices: tuple[Sentence, ...]

    @property
    def horizon(self) -> int:
        return self.recipe.horizon

    @property
    def period(self) -> int:
        return self.recipe.periods[0]


def prepare_series(plan: Plan) -> SeriesMaterial:
    """Raises `TrainingFailure` where the rows are no series, or too few."""
    panel = read_panel(plan)
    lengths = [len(line) for line in panel.values]
    if max(lengths) <= FEWEST_KEPT or not any((~np.isnan(line)).sum() > FEWEST_KEPT for line in panel.values):
        raise TrainingFailure(
            "too_short",
            _("no series has more than {count} values", count=FEWEST_KEPT),
            _("Add older rows, or name fewer columns that tell series apart."),
        )
    horizon = choose_horizon(plan.hyperparameters.get("horizon"), panel.calendar, lengths)
    periods, notices = choose_periods(plan.hyperparameters.get("season"), panel.calendar, panel.values, horizon)
    filled = [fill_gaps(line, periods[0]) for line in panel.values]
    effects, encoded = fit_effects(panel, plan.kinds, filled, periods[0], horizon)
    scales = np.array([measure(line[None, :], periods[0])[1][0] for line in filled])
    pasts, added = _take_off(panel, effects, encoded, scales, periods[0], filled)
    recipe = _choose_recipe(periods, horizon, lengths)
    cuts = choose_cuts(horizon, periods, lengths)
    chosen = np.arange(0, len(pasts), -(-len(pasts) // MOST_TRIED))
    trials = [_try(panel, recipe, pasts, added, scales, chosen, cut) for cut in (*cuts.validation, cuts.test)]
    features = SeriesFeatures(
        columns=panel.columns,
        calendar=panel.calendar,
        recipe=recipe,
        effects=effects,
        pasts={
            key: Past(line[-recipe.longest :], end)
            for key, line, end in zip(panel.keys, pasts, panel.ends, strict=True)
        },
        settings=recipe.fit(pasts),
        scales=scales.tolist(),
    )
    return SeriesMaterial(
        plan=plan,
        panel=panel,
        recipe=recipe,
        cuts=cuts,
        pasts=tuple(pasts),
        validation=tuple(trial for trial in trials[:-1] if trial is not None),
        test=trials[-1],
        features=features,
        decoder=ForecastDecoder(panel.calendar),
        notices=(*panel.notices, *notices, *_tell_short(lengths, horizon)),
    )


def _take_off(
    panel: Panel,
    effects: Effects,
    encoded: Sequence[Floats],
    scales: Floats,
    period: int,
    filled: Sequence[Floats],
) -> tuple[list[Floats], list[Floats]]:
    """Series without the effects of known columns, and what these add at every step, in the scale of the series."""
    added = [numbers @ np.array(effects.weights) for numbers in encoded]
    if not effects.columns:
        return list(filled), added
    plain = [line - scale * more for line, scale, more in zip(panel.values, scales, added, strict=True)]
    return [fill_gaps(line, period) for line in plain], added


def _choose_recipe(periods: tuple[int, ...], horizon: int, lengths: Sequence[int]) -> Recipe:
    usual = int(np.median(lengths))
    longest = int(np.clip(SEASONS_KEPT * periods[-1], SHORTEST, LONGEST))
    longest = max(min(longest, MOST_STORED // max(1, len(lengths))), 3 * periods[0], 24)
    window = int(np.clip(max(2 * periods[0], min(2 * periods[-1], usual // 2)), min(8, usual), LONGEST_WINDOW))
    candidates: list[Candidate] = list_candidates(periods, min(usual, longest) - horizon)
    return Recipe(
        periods=periods,
        horizon=horizon,
        longest=longest,
        window=min(window, longest),
        candidates=tuple(dict.fromkeys(candidates)),
    )


def _try(
    panel: Panel,
    recipe: Recipe,
    pasts: Sequence[Floats],
    added: Sequence[Floats],
    scales: Floats,
    chosen: NDArray[np.int64],
    cut: int,
) -> Trial | None:
    """Forecast the series that are long enough from `cut` steps before their end."""
    places = np.array([place for place in chosen if len(pasts[place]) - cut >= FEWEST_KEPT], dtype=np.int64)
    if not len(places):
        return None
    known = [pasts[place][: len(pasts[place]) - cut] for place in places]
    outlooks = recipe.look(known, recipe.fit(known))
    truth = np.full((len(places), recipe.horizon), np.nan)
    effects = np.zeros_like(truth)
    for row, place in enumerate(places):
        begin = len(pasts[place]) - cut
        ahead = slice(begin, begin + recipe.horizon)
        effects[row] = scales[place] * added[place][ahead]
        observed = ~np.isnan(panel.values[place][ahead])
        truth[row] = np.where(observed, pasts[place][ahead], np.nan)
    return Trial(places, outlooks, truth, effects, cut)


def _tell_short(lengths: Sequence[int], horizon: int) -> list[Sentence]:
    short = sum(length - horizon < FEWEST_KEPT for length in lengths)
    if not short:
        return []
    words = _("{count:,} series are too short to be tested; simple rules forecast them.", count=short)
    return [words]
