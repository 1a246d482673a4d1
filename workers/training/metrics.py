"""Metrics of predictions against the truth, in NumPy. Names are those of `docs/report.md`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Classes = NDArray[np.int64]

TITLES = {
    "loss": "Loss",
    "val_loss": "Validation loss",
    "accuracy": "Accuracy",
    "val_accuracy": "Validation accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1 (mean over classes)",
    "roc_auc": "Area under the ROC curve",
    "average_precision": "Average precision",
    "rmse": "Root mean squared error",
    "val_rmse": "Validation root mean squared error",
    "mae": "Mean absolute error",
    "r2": "R²",
    "median_error": "Median absolute error",
}
LOWER_IS_BETTER = frozenset(["loss", "rmse", "mae", "median_error"])
BOOTSTRAPS = 1000
DOMINANT = 0.8


def measure_classes(truth: Classes, probabilities: Numbers) -> dict[str, float]:
    """Return every metric that is defined for these rows."""
    if not len(truth):
        return {}
    found = probabilities.argmax(axis=1)
    metrics = {
        "loss": log_loss(truth, probabilities),
        "accuracy": float((found == truth).mean()),
        "balanced_accuracy": balanced_accuracy(truth, found),
        "f1": macro_f1(truth, found, probabilities.shape[1]),
    }
    area = roc_auc(truth, probabilities)
    if area is not None:
        metrics["roc_auc"] = area
    if probabilities.shape[1] == 2 and len(np.unique(truth)) == 2:
        rare = rarer_class(truth)
        metrics["average_precision"] = average_precision(truth == rare, probabilities[:, rare])
    return metrics


def measure_values(truth: Numbers, values: Numbers) -> dict[str, float]:
    """Return every metric that is defined for these rows."""
    if not len(truth):
        return {}
    errors = values - truth
    metrics = {
        "rmse": root_mean_square(errors),
        "mae": float(np.abs(errors).mean()),
        "median_error": float(np.median(np.abs(errors))),
    }
    spread = root_mean_square(truth - truth.mean())
    if spread > 0:
        metrics["r2"] = 1.0 - (metrics["rmse"] / spread) ** 2
    return metrics


def root_mean_square(errors: Numbers, weights: NDArray[Any] | None = None) -> float:
    """Of numbers of any size: squares of 1e200 would be infinite."""
    largest = float(np.abs(errors).max())
    if not 0 < largest < np.inf:
        return largest
    return largest * float(np.sqrt(np.average(np.square(errors / largest), weights=weights)))


def log_loss(truth: Classes, probabilities: Numbers) -> float:
    chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.clip(chosen, 1e-12, 1.0)).mean())


def balanced_accuracy(truth: Classes, found: Classes) -> float:
    return float(np.mean([(found[truth == label] == label).mean() for label in np.unique(truth)]))


def macro_f1(truth: Classes, found: Classes, classes: int) -> float:
    """Mean over the classes that occur in the truth or among the answers."""
    right = np.bincount(truth[truth == found], minlength=classes)
    total = np.bincount(truth, minlength=classes) + np.bincount(found, minlength=classes)
    return float((2 * right[total > 0] / total[total > 0]).mean())


def rarer_class(truth: Classes) -> int:
    """Of two classes the rarer one, the later of equals: it is usually the one that people look for."""
    counts = np.bincount(truth, minlength=2)
    return 0 if counts[0] < counts[1] else 1


def roc_auc(truth: Classes, probabilities: Numbers) -> float | None:
    """Two classes: of the rarer one. More: mean of each class against the rest. None where a class is absent."""
    present = np.unique(truth)
    if len(present) < probabilities.shape[1]:
        return None
    chosen = [rarer_class(truth)] if probabilities.shape[1] == 2 else present.tolist()
    return float(np.mean([area_under_roc(truth == label, probabilities[:, label]) for label in chosen]))


def area_under_roc(positive: NDArray[np.bool_], scores: Numbers) -> float:
    """The chance that a positive row is scored above a negative one, ties counting half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(positive: NDArray[np.bool_], scores: Numbers) -> float:
    recall, precision = precision_recall(positive, scores)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def precision_recall(positive: NDArray[np.bool_], scores: Numbers) -> tuple[Numbers, Numbers]:
    """Recall and precision at every distinct score, from the highest down."""
    order, ends = _descending(scores)
    right = np.cumsum(positive[order])[ends]
    return right / max(1, int(positive.sum())), right / (ends + 1)


def roc_points(positive: NDArray[np.bool_], scores: Numbers) -> tuple[Numbers, Numbers]:
    """False and true positive rate at every distinct score, from the highest down, beginning at (0, 0)."""
    order, ends = _descending(scores)
    right = np.cumsum(positive[order])[ends]
    wrong = ends + 1 - right
    false_rate = wrong / max(1, int((~positive).sum()))
    true_rate = right / max(1, int(positive.sum()))
    return np.concatenate([[0.0], false_rate]), np.concatenate([[0.0], true_rate])


def _descending(scores: Numbers) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    return order, ends


def choose_headline(truth: NDArray[Any], classes: int) -> str:
    """Accuracy, unless one class dominates so much that it means nothing."""
    if not classes:
        return "rmse"
    share = np.bincount(truth, minlength=classes).max(initial=0) / max(1, len(truth))
    if share <= DOMINANT:
        return "accuracy"
    return "roc_auc" if classes == 2 else "balanced_accuracy"


def bootstrap(
    metric: Callable[[NDArray[np.int64]], float | None], rows: int, *, seed: int, times: int = BOOTSTRAPS
) -> tuple[float, float] | None:
    """Return the middle 95 % of a metric over rows drawn again and again; None where it is rarely defined."""
    random = np.random.default_rng([seed, 5])
    drawn = [metric(random.integers(0, rows, rows)) for _ in range(times)]
    known = [value for value in drawn if value is not None and np.isfinite(value)]
    if len(known) < times / 2:
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)
