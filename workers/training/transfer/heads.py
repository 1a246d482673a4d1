"""The head: multinomial logistic regression on the features of a frozen network."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from workers.training.metrics import log_loss
from workers.training.solution import Job, to_probabilities

STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0001)
"""Of the regularisation, strongest first; each fit begins where the one before ended."""
STRENGTH_UNJUDGED = 0.03
"""Where there are no rows to judge by."""
ITERATIONS = 60
SMALLEST_SPREAD = 1e-3
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Head:
    """Logits are `(features - mean) * scale @ kernel + bias`; `fitted` is the loss of the rows that it was fitted to,
    `loss` and `accuracy` are those of the judging rows: infinite and NaN where there are none."""

    mean: Floats
    scale: Floats
    kernel: Floats
    bias: Floats
    fitted: float
    loss: float
    accuracy: float

    def answer(self, features: NDArray[Any]) -> NDArray[Any]:
        logits: NDArray[Any] = ((features - self.mean) * self.scale) @ self.kernel + self.bias
        return logits


def fit_head(
    job: Job, features: NDArray[Any], targets: NDArray[Any], judging: NDArray[Any], truth: NDArray[Any], classes: int
) -> Head:
    """Fit at falling strengths of regularisation while the judging rows get better (by the logarithmic loss)."""
    mean = features.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = (1.0 / np.maximum(features.std(axis=0, dtype=np.float64), SMALLEST_SPREAD)).astype(np.float32)
    scaled = (features.astype(np.float32) - mean) * scale
    start = np.zeros((scaled.shape[1] + 1) * classes)
    best: Head | None = None
    for strength in STRENGTHS if len(truth) else (STRENGTH_UNJUDGED,):
        if best is not None and job.must_end:
            break
        start, fitted = _minimise(scaled, targets, classes, strength, start)
        weights = start.astype(np.float32).reshape(-1, classes)
        kernel, bias = weights[:-1], weights[-1]
        head = Head(mean=mean, scale=scale, kernel=kernel, bias=bias, fitted=fitted, loss=np.inf, accuracy=np.nan)
        if len(truth):
            logits = head.answer(judging.astype(np.float32))
            accuracy = float((logits.argmax(axis=1) == truth).mean())
            head = replace(head, loss=log_loss(truth, to_probabilities(logits).astype(np.float64)), accuracy=accuracy)
        if best is not None and head.loss > best.loss:
            break
        best = head
    assert best is not None
    return best


def _minimise(
    scaled: Floats, targets: NDArray[Any], classes: int, strength: float, start: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """The weights with the bias as their last row, flat, and the loss, at the least sum of the mean cross-entropy and
    `strength` / 2 of the squares."""
    rows = len(scaled)
    true = (np.arange(rows), targets)

    def look(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.astype(np.float32).reshape(-1, classes)
        logits = scaled @ weights[:-1] + weights[-1]
        logits -= logits.max(axis=1, keepdims=True)
        exponents = np.exp(logits)
        sums = exponents.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(sums[:, 0]) - logits[true], dtype=np.float64))
        errors = exponents / sums
        errors[true] -= 1.0
        errors /= rows
        slopes = np.vstack([scaled.T @ errors + strength * weights[:-1], errors.sum(axis=0)])
        return loss + 0.5 * strength * float(np.square(weights[:-1]).sum()), slopes.astype(np.float64).ravel()

    found = minimize(look, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 10})
    kernel = found.x.reshape(-1, classes)[:-1]
    return found.x, float(found.fun) - 0.5 * strength * float(np.square(kernel).sum())
