"""The sections of a report on a classifier (see `docs/report.md`)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.training import metrics as measuring
from workers.training.bootstrapping import Draws
from workers.training.calibrating import Calibration, temper

MOST_IN_CONFUSION, MOST_LISTED, MOST_CURVES = 30, 100, 10
MOST_POINTS_OF_CURVE = 200
BINS = 10
THRESHOLDS = 101
OF_CLASSES = ("precision", "recall", "f1")


def write_classification(
    labels: tuple[str, ...], truth: Any, probabilities: Any, draws: Draws | None, calibration: Calibration | None
) -> dict[str, Any]:
    """Return the sections; `calibration` is what held-out answers said, `draws` those of these rows."""
    found = probabilities.argmax(axis=1)
    counts = np.bincount(truth, minlength=len(labels))
    frequent = np.argsort(-counts, kind="stable")
    sections = {
        "confusion": _write_confusion(labels, truth, found, frequent),
        "classes": [_write_class(labels, truth, found, int(label), draws) for label in frequent[:MOST_LISTED]],
        "roc": _write_curves(labels, truth, probabilities, _write_roc),
        "pr": _write_curves(labels, truth, probabilities, _write_pr),
        "calibration": _write_calibration(truth, probabilities, calibration),
    }
    if len(labels) == 2 and len(np.unique(truth)) == 2:
        sections["thresholds"] = _write_thresholds(labels, truth, probabilities)
    return sections


def _write_confusion(labels: tuple[str, ...], truth: Any, found: Any, frequent: Any) -> dict[str, Any]:
    shown = sorted(frequent[:MOST_IN_CONFUSION].tolist())
    place = np.full(len(labels), -1)
    place[shown] = range(len(shown))
    kept = (place[truth] >= 0) & (place[found] >= 0)
    matrix = np.zeros((len(shown), len(shown)), dtype=np.int64)
    np.add.at(matrix, (place[truth[kept]], place[found[kept]]), 1)
    return {
        "labels": [labels[index] for index in shown],
        "matrix": matrix.tolist(),
        "classes": len(labels),
        "shown": len(shown),
    }


def _write_class(labels: tuple[str, ...], truth: Any, found: Any, label: int, draws: Draws | None) -> dict[str, Any]:
    right = int(((truth == label) & (found == label)).sum())
    rows, answered = int((truth == label).sum()), int((found == label).sum())
    return {
        "label": labels[label],
        "rows": rows,
        "precision": right / answered if answered else None,
        "recall": right / rows if rows else None,
        "f1": 2 * right / (rows + answered) if rows + answered else None,
        "intervals": {name: draws.interval(f"class_{name}", label) for name in OF_CLASSES} if draws else {},
    }


def _write_curves(labels: tuple[str, ...], truth: Any, probabilities: Any, write: Any) -> list[dict[str, Any]]:
    present = [label for label in np.unique(truth).tolist() if not (truth == label).all()]
    if len(labels) == 2:
        present = [label for label in present if label == measuring.rarer_class(truth)]
    if len(labels) > MOST_CURVES:
        return []
    return [{"label": labels[label], **write(truth == label, probabilities[:, label])} for label in present]


def _write_roc(positive: Any, scores: Any) -> dict[str, Any]:
    false_rate, true_rate = measuring.roc_points(positive, scores)
    return {"auc": measuring.area_under_roc(positive, scores), "points": _thin(false_rate, true_rate)}


def _write_pr(positive: Any, scores: Any) -> dict[str, Any]:
    recall, precision = measuring.precision_recall(positive, scores)
    return {
        "average_precision": measuring.average_precision(positive, scores),
        "rate": float(positive.mean()),
        "points": _thin(recall, precision),
    }


def _thin(horizontal: Any, vertical: Any) -> list[list[float]]:
    """At most `MOST_POINTS_OF_CURVE` points, the ends among them."""
    chosen = np.unique(np.linspace(0, len(horizontal) - 1, MOST_POINTS_OF_CURVE).round().astype(int))
    return [[float(horizontal[index]), float(vertical[index])] for index in chosen]


def _write_calibration(truth: Any, probabilities: Any, calibration: Calibration | None) -> dict[str, Any]:
    """Compare how sure the answers are with how often they are right, with the temperature and without it."""
    written = measure_calibration(truth, probabilities)
    if calibration is None:
        return written
    written |= {
        "temperature": calibration.temperature,
        "rows": calibration.rows,
        "loss_before": calibration.loss_before,
        "loss_after": calibration.loss_after,
    }
    if calibration.temperature != 1.0:
        written["before"] = measure_calibration(truth, temper(probabilities, 1.0 / calibration.temperature))
    return written


def measure_calibration(truth: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, Any]:
    """The expected calibration error, over bins of equally many rows, and the bins."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = [rows for rows in np.array_split(np.argsort(confidence, kind="stable"), BINS) if len(rows)]
    written = [
        {"rows": len(rows), "confidence": float(confidence[rows].mean()), "accuracy": float(right[rows].mean())}
        for rows in bins
    ]
    error = sum(item["rows"] * abs(item["confidence"] - item["accuracy"]) for item in written) / max(1, len(truth))
    return {"ece": error, "bins": written}


def _write_thresholds(labels: tuple[str, ...], truth: Any, probabilities: Any) -> dict[str, Any]:
    """What follows from naming the rarer class above other probabilities than a half."""
    label = measuring.rarer_class(truth)
    scores = np.sort(probabilities[:, label])
    hits = np.sort(probabilities[truth == label, label])
    thresholds = np.linspace(0.0, 1.0, THRESHOLDS)
    named = len(scores) - np.searchsorted(scores, thresholds)
    right = len(hits) - np.searchsorted(hits, thresholds)
    f1 = 2 * right / (named + len(hits))
    return {
        "label": labels[label],
        "best": float(thresholds[f1.argmax()]),
        "points": [
            {
                "threshold": float(threshold),
                "named": int(named[place]),
                "precision": float(right[place] / named[place]) if named[place] else None,
                "recall": float(right[place] / len(hits)),
                "f1": float(f1[place]),
            }
            for place, threshold in enumerate(thresholds)
        ],
    }
