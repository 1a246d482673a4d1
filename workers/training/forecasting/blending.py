"""How much each candidate has to say, and how far off the blend usually is: chosen on the validation windows.

Weights by greedy selection with replacement (Caruana and others, 2004, as in AutoGluon-TimeSeries) on the scaled
absolute error. Quantiles by conformal prediction for each stretch of the horizon (Vovk; Romano and others, 2019), from
the errors of weights that were chosen without the windows they are measured on (CV+: Barber and others, 2021).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from modelyard.features.series.forecasts import LEVELS, MEDIAN
from modelyard.features.series.smoothing import Floats

ROUNDS = 40
LARGEST_ERROR = 20.0
FEW_WINDOWS = 40
"""Below that many windows a greedy choice would follow chance: it is mixed with all that are nearly as good."""
NEARLY = 1.25
STRETCHES = 4
RESIDUALS_OF_A_STRETCH = 50
RESIDUALS_FOR_SKEWNESS = 400
USUAL_ERROR = 1.25
"""The standard deviation of an error whose mean size is 1."""
NETWORK = "network"


@dataclass(frozen=True, kw_only=True)
class Blend:
    """`weights` of candidates by name, the network's among them; `offsets` (horizon, levels) are added to the blend."""

    weights: dict[str, float]
    offsets: Floats


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What was answered for the validation windows: `medians` (windows, horizon, candidates) and `truth` (windows,
    horizon; NaN where unknown), scaled; `quantiles` (windows, horizon, levels) are the network's, if any; `cuts`
    (windows,) number the moments from which it was forecast."""

    names: tuple[str, ...]
    medians: NDArray[np.floating]
    truth: Floats
    quantiles: NDArray[np.floating] | None
    cuts: NDArray[np.int64]

    @property
    def all_names(self) -> tuple[str, ...]:
        return (*self.names, NETWORK) if self.quantiles is not None else self.names

    @property
    def answers(self) -> Floats:
        """The medians of all candidates, shape (windows, horizon, candidates)."""
        if self.quantiles is None:
            return np.asarray(self.medians, dtype=np.float64)
        return np.concatenate([self.medians, self.quantiles[:, :, MEDIAN : MEDIAN + 1]], axis=2).astype(np.float64)


def choose_blend(evidence: Evidence, period: int) -> Blend:
    """Return weights and offsets; fixed ones where no window could be kept for choosing."""
    known = ~np.isnan(evidence.truth)
    if not known.any():
        return _guess(evidence, period)
    errors = measure_errors(evidence.answers, evidence.truth)
    weights = _choose_weights(evidence.answers, evidence.truth, errors)
    chosen = {name: float(weight) for name, weight in zip(evidence.all_names, weights, strict=True)}
    return Blend(weights=chosen, offsets=_calibrate(evidence, weights, _choose_for_each(evidence, weights, errors)))


def measure_errors(answers: Floats, truth: Floats) -> Floats:
    """The scaled absolute error of each candidate in each window, shape (windows, candidates); NaN without a truth."""
    distance = np.minimum(np.abs(answers - truth[:, :, None]), LARGEST_ERROR)
    known = ~np.isnan(truth)
    sums = np.where(known[:, :, None], distance, 0.0).sum(axis=1)
    counts = known.sum(axis=1)[:, None]
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _choose_weights(answers: Floats, truth: Floats, errors: Floats) -> Floats:
    total = np.zeros(answers.shape[:2])
    picks: list[int] = []
    scores: list[float] = []
    for count in range(1, ROUNDS + 1):
        tried = [
            float(np.nanmean(measure_errors(((total + answers[:, :, index]) / count)[:, :, None], truth)))
            for index in range(answers.shape[2])
        ]
        best = int(np.argmin(tried))
        picks.append(best)
        scores.append(tried[best])
        total += answers[:, :, best]
    kept = picks[: int(np.argmin(scores)) + 1]
    greedy = np.bincount(kept, minlength=answers.shape[2]) / len(kept)
    windows = int((~np.isnan(errors[:, 0])).sum())
    if windows >= FEW_WINDOWS:
        return greedy
    means = np.nanmean(errors, axis=0)
    near = np.where(means <= NEARLY * means.min(), 1.0 / np.maximum(means, 1e-9) ** 2, 0.0)
    trust = windows / (windows + 5.0)
    return np.asarray(trust * greedy + (1.0 - trust) * near / near.sum())


def _choose_for_each(evidence: Evidence, weights: Floats, errors: Floats) -> Floats:
    """For every window the weights that the windows of the other cuts choose, shape (windows, candidates): its error
    then is one of weights that have not seen it, as later ones will be."""
    chosen = np.tile(weights, (len(evidence.truth), 1))
    known = ~np.isnan(evidence.truth).all(axis=1)
    answers = evidence.answers
    for cut in np.unique(evidence.cuts):
        others = (evidence.cuts != cut) & known
        if others.any():
            chosen[evidence.cuts == cut] = _choose_weights(answers[others], evidence.truth[others], errors[others])
    return chosen


def _calibrate(evidence: Evidence, weights: Floats, weights_of_each: Floats) -> Floats:
    """What to add to the blend of each level so that it is exceeded as often as it says."""
    horizon = evidence.truth.shape[1]
    centre = np.einsum("nhk,nk->nh", evidence.answers, weights_of_each)
    spread = np.zeros((*centre.shape, len(LEVELS)))
    if evidence.quantiles is not None:
        spread += weights[-1] * (evidence.quantiles - evidence.quantiles[:, :, MEDIAN : MEDIAN + 1])
    residuals = (evidence.truth - centre)[:, :, None] - spread
    known = ~np.isnan(evidence.truth)
    stretches = int(np.clip(known.sum() // RESIDUALS_OF_A_STRETCH, 1, min(STRETCHES, horizon)))
    parts = np.array_split(np.arange(horizon), stretches)
    learned = evidence.quantiles is not None and weights[-1] > 0
    wider = _widen(evidence, known)
    found = []
    for part in parts:
        offsets = _offsets_of(residuals[:, part], known[:, part], alike=not learned)
        found.append(wider * offsets + (wider - 1.0) * spread[:, part].mean(axis=(0, 1)))
    middles = [float(part.mean()) for part in parts]
    steps = np.arange(horizon)
    offsets = np.stack(
        [np.interp(steps, middles, [one[level] for one in found]) for level in range(len(LEVELS))], axis=1
    )
    return offsets if learned else _widening(offsets)


def _widen(evidence: Evidence, known: NDArray[np.bool_]) -> float:
    """How much wider than the errors at hand: for few windows, and for few cuts. Whatever befell all series at one cut
    was seen once, so that n cuts leave the error of a mean of n: 1 + 1/n of the variance of a further one."""
    seen = known.any(axis=1)
    windows, cuts = int(seen.sum()), len(np.unique(evidence.cuts[seen]))
    few_windows = np.sqrt((windows + 1.0) / (windows - 1.0)) if windows > 1 else 1.5
    return float(max(few_windows, np.sqrt(1.0 + 1.0 / cuts)))


def _offsets_of(residuals: Floats, known: NDArray[np.bool_], *, alike: bool) -> Floats:
    """Offsets that leave the median where it is; `alike` where the residuals of all levels are the same. Few residuals
    say nothing of skewness: they count for both sides."""
    if not known.any():
        return np.zeros(len(LEVELS))
    many = int(known.sum()) >= RESIDUALS_FOR_SKEWNESS
    if alike and not many:
        sizes = np.abs(residuals[..., MEDIAN][known])
        return np.array([np.sign(q - 0.5) * np.quantile(sizes, abs(2 * q - 1)) for q in LEVELS])
    found = np.array([np.quantile(residuals[..., level][known], q) for level, q in enumerate(LEVELS)])
    return np.asarray(found - found[MEDIAN] if many else (found - found[::-1]) / 2.0)


def _widening(offsets: Floats) -> Floats:
    """No step is surer than one before it."""
    low, high = offsets[:, :MEDIAN], offsets[:, MEDIAN + 1 :]
    return np.concatenate(
        [np.minimum.accumulate(low), offsets[:, MEDIAN : MEDIAN + 1], np.maximum.accumulate(high)], axis=1
    )


def _guess(evidence: Evidence, period: int) -> Blend:
    """Simple rules in equal shares, with the errors of a random walk over seasons."""
    liked = [name for name in evidence.names if name.partition("@")[0] in ("seasonal_naive", "theta", "smoothing")]
    liked = liked or [name for name in evidence.names if name.startswith(("naive", "median"))] or [evidence.names[0]]
    growth = np.sqrt(np.arange(evidence.truth.shape[1]) // max(1, period) + 1.0)
    spread = np.array([NormalDist().inv_cdf(level) for level in LEVELS]) * USUAL_ERROR
    return Blend(
        weights={name: (1.0 / len(liked) if name in liked else 0.0) for name in evidence.all_names},
        offsets=np.asarray(growth[:, None] * spread),
    )


def blend_scaled(blend: Blend, names: Sequence[str], medians: Floats, quantiles: Floats | None) -> Floats:
    """What the numeric core computes before it is put back into the unit: quantiles (windows, horizon, levels)."""
    centre = np.einsum("nhk,k->nh", medians, np.array([blend.weights[name] for name in names]))
    found = centre[:, :, None] + blend.offsets
    if quantiles is not None:
        found = found + blend.weights.get(NETWORK, 0.0) * quantiles
    return np.sort(found, axis=2)
