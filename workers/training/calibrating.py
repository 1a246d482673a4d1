"""Temperature: one number that makes probabilities as sure as held-out answers were right.

C. Guo and others, "On calibration of modern neural networks", 2017. The number is found on held-out rows and kept only
where it lowers their loss out of fold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.training.metrics import log_loss

FEWEST_ROWS = 100
MOST_ROWS = 50_000
FOLDS = 5
STEPS = 30
LEAST, MOST = 0.2, 5.0
"""Of a temperature; what lies beyond tells of other trouble than too much or too little confidence."""
SMALLEST = 1e-37
"""What a probability counts at least: the smallest number of single precision is not far below."""
PAYS = 0.005
"""By what share of the loss a temperature must lower it: a smaller gain may be chance."""
PAYS_TO_DOUBT = 0.02
"""The same where held-out answers are those of single members: their average is less sure than each of them, so that a
temperature above 1 may be for the members alone."""
Probabilities = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """`temperature` is 1 where none is kept. The losses are those of `rows` held-out rows, each under a temperature
    that the other folds chose."""

    temperature: float = 1.0
    rows: int = 0
    loss_before: float | None = None
    loss_after: float | None = None


def calibrate(
    truth: NDArray[np.int64],
    probabilities: Probabilities,
    groups: NDArray[np.int64],
    seed: int,
    *,
    of_members: bool = False,
) -> Calibration:
    """Return the temperature for answers that their rows had no part in; folds keep `groups` together.

    `of_members` says that the answers are those of single members whose average is what will answer.
    """
    rows = len(truth)
    if rows < FEWEST_ROWS:
        return Calibration(rows=rows)
    random = np.random.default_rng([seed, 9])
    chosen = np.sort(random.permutation(rows)[:MOST_ROWS])
    truth, probabilities = truth[chosen], np.asarray(probabilities)[chosen].astype(np.float64)
    names, numbers = np.unique(groups[chosen], return_inverse=True)
    folds = random.permutation(len(names))[numbers] % FOLDS
    tempered = probabilities.copy()
    for fold in range(FOLDS):
        held_out = folds == fold
        if held_out.any() and not held_out.all():
            temperature = find_temperature(truth[~held_out], probabilities[~held_out])
            tempered[held_out] = temper(probabilities[held_out], temperature)
    before, after = log_loss(truth, probabilities), log_loss(truth, tempered)
    found = find_temperature(truth, probabilities)
    kept = after < before * (1.0 - (PAYS_TO_DOUBT if of_members and found > 1.0 else PAYS))
    return Calibration(
        temperature=found if kept else 1.0, rows=len(chosen), loss_before=before, loss_after=after if kept else before
    )


def find_temperature(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> float:
    """Return the temperature with the least loss, by Newton's method: the loss is convex in its inverse.

    The truth is smoothed as if one more row had been answered wrongly (J. Platt, 1999), so that answers that are all
    right do not become certain.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST))
    rows, classes = logits.shape
    share = 1.0 / (rows + 2)
    own = logits[np.arange(rows), truth]
    others = (logits.sum(axis=1) - own) / max(1, classes - 1)
    wanted = float(((1.0 - share) * own + share * others).mean())
    inverse = 1.0
    for _step in range(STEPS):
        shares = _softmax(logits * inverse)
        means = (shares * logits).sum(axis=1)
        curvature = float(((shares * np.square(logits)).sum(axis=1) - np.square(means)).mean())
        change = (float(means.mean()) - wanted) / max(curvature, 1e-12)
        moved = float(np.clip(inverse - change, max(inverse / 2, 1 / MOST), min(inverse * 2, 1 / LEAST)))
        if abs(moved - inverse) < 1e-9:
            break
        inverse = moved
    return 1.0 / inverse


def temper(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return the probabilities whose logits are divided by the temperature; by its inverse it is undone."""
    return _softmax(np.log(np.maximum(probabilities.astype(np.float64), SMALLEST)) / temperature)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares
