"""The wide branch of the networks for texts: a linear support vector machine on weighted grams.

It is hard to beat where texts are few (Wang and Manning, "Baselines and bigrams", ACL 2012; Joulin and others, "Bag of
tricks for efficient text classification", 2016), and liblinear's coordinate descent (Fan and others, 2008) fits it in a
fraction of the time that a logistic regression takes.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC

Arrays = Mapping[str, NDArray[Any]]
Rows = NDArray[np.int64]
Doubles = NDArray[np.float64]

STRENGTHS = (0.3, 1.0, 3.0, 10.0)
"""The penalty of a row on the wrong side of its margin; small ones keep the weights small."""
USUAL_STRENGTH = 3.0
ITERATIONS = 300
MOST_ROWS = 200_000


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a row consists of: grams (the 0 that fills up included), numbers, and codes of so many values each."""

    grams: int
    numbers: int
    code_sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        return self.grams + self.numbers + sum(self.code_sizes)


def spread_rows(inputs: Arrays, shape: Shape) -> csr_matrix:
    """Return one sparse row for each row: weights of grams, numbers, a one for each code."""
    ids, weights = inputs["gram_ids"], inputs["gram_weights"]
    rows = len(ids)
    kept = ids > 0
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    blocks = [csr_matrix((weights[kept].astype(np.float64), ids[kept], starts), shape=(rows, shape.grams))]
    if shape.numbers:
        blocks.append(csr_matrix(inputs["numbers"].astype(np.float64)))
    for index, size in enumerate(shape.code_sizes):
        ones = (np.ones(rows), (np.arange(rows), inputs["codes"][:, index]))
        blocks.append(csr_matrix(ones, shape=(rows, size)))
    return hstack(blocks, format="csr") if len(blocks) > 1 else blocks[0]


def fit_members(
    matrix: csr_matrix, targets: NDArray[np.int64], train: Sequence[Rows], validation: Sequence[Rows], classes: int
) -> tuple[Doubles, Doubles]:
    """Return coefficients (members, width, classes) and intercepts (members, classes).

    Each member takes the strength that answers its own held-out rows best; where nothing is held out, the usual one.
    """
    members = [
        _fit_member(matrix, targets, rows[:MOST_ROWS], held_out, classes)
        for rows, held_out in zip(train, validation, strict=True)
    ]
    return np.stack([weights[:-1] for weights in members]), np.stack([weights[-1] for weights in members])


def _fit_member(matrix: csr_matrix, targets: NDArray[np.int64], rows: Rows, held_out: Rows, classes: int) -> Doubles:
    if not len(held_out):
        return fit_margins(matrix[rows], targets[rows], classes, USUAL_STRENGTH)
    best, best_loss = np.zeros((matrix.shape[1] + 1, classes)), np.inf
    for strength in STRENGTHS:
        weights = fit_margins(matrix[rows], targets[rows], classes, strength)
        margins = matrix[held_out] @ weights[:-1] + weights[-1]
        scale, _ = weigh_branches(margins, np.zeros_like(margins), targets[held_out])
        loss = log_loss(scale * margins, targets[held_out])
        if loss >= best_loss:
            break
        best, best_loss = weights, loss
    return best


def fit_margins(matrix: csr_matrix, targets: NDArray[np.int64], classes: int, strength: float) -> Doubles:
    """Return (width + 1, classes) weights, the intercept last, of one support vector machine for each class against
    the others; a class without rows gets the margin -1 everywhere."""
    weights = np.zeros((matrix.shape[1] + 1, classes))
    present = np.unique(targets)
    weights[-1, np.setdiff1d(np.arange(classes), present)] = -1.0
    if len(present) < 2:
        weights[-1, present] = 1.0
        return weights
    machine = LinearSVC(C=strength, max_iter=ITERATIONS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # more iterations change the third digit of a margin
        machine.fit(matrix, targets)
    found = np.vstack([machine.coef_.T, machine.intercept_])
    if len(present) == 2:
        found = np.hstack([-found, found]) / 2.0
    weights[:, present] = found
    return weights


def weigh_branches(wide: Doubles, deep: Doubles, targets: NDArray[np.int64]) -> tuple[float, float]:
    """Return the factors, none below 0, of two sets of logits whose sum answers held-out rows best."""
    wanted = np.zeros(wide.shape)
    wanted[np.arange(len(targets)), targets] = 1.0

    def measure(factors: Doubles) -> tuple[float, Doubles]:
        logits = factors[0] * wide + factors[1] * deep
        logits = logits - logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        totals = shares.sum(axis=1, keepdims=True)
        excess = shares / totals - wanted
        loss = float((np.log(totals[:, 0]) - (logits * wanted).sum(axis=1)).mean())
        return loss, np.array([(excess * wide).sum(), (excess * deep).sum()]) / len(targets)

    found = minimize(measure, np.array([0.5, 0.5]), jac=True, method="L-BFGS-B", bounds=[(0.0, 4.0), (0.0, 4.0)])
    return (float(found.x[0]), float(found.x[1])) if found.x.sum() > 0.01 else (0.5, 0.5)


def log_loss(logits: Doubles, targets: NDArray[np.int64]) -> float:
    logits = logits - logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(targets)), targets]
    return float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean())
