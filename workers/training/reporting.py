"""Writes the report of a run (see `docs/report.md`)."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.features.decoder import ValueDecoder
from workers.training import metrics as measuring
from workers.training.preparing import Material

MOST_IN_CONFUSION, MOST_LISTED, MOST_CURVES = 30, 100, 10
MOST_POINTS_OF_CURVE, MOST_RESIDUALS = 200, 1000
BINS = 10

Answers = Mapping[str, NDArray[Any]]
"""For each part ("train", "validation", "test") what the network answered: probabilities or values, a row each."""


def write_report(
    material: Material,
    answers: Answers,
    truths: Answers,
    *,
    training: Mapping[str, Any],
    history: list[dict[str, float]],
    importance: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    """Return the report as JSON values."""
    part = "test" if len(truths["test"]) else "validation" if len(truths["validation"]) else "train"
    classes = len(material.labels)
    measure = measuring.measure_classes if classes else measuring.measure_values
    measured = {name: measure(truths[name], answers[name]) for name in ("train", "validation", "test")}
    report: dict[str, Any] = {
        "task": material.task,
        "target": material.target_name,
        "headline": _write_headline(material, truths[part], answers[part], part),
        "metrics": measured,
        "titles": measuring.TITLES,
        "baseline": _write_baseline(material, truths, part),
        "history": history,
        "training": training,
        "data": _write_data(material),
    }
    if classes:
        report |= _write_classification(material.labels, truths[part], answers[part])
    else:
        report["residuals"] = _write_residuals(truths[part], answers[part], material.plan.seed)
    if importance is not None:
        report["importance"] = importance
    if material.columns:
        report["columns"] = [asdict(column) for column in material.columns]
    cleaned: dict[str, Any] = clean_numbers(report)
    return cleaned


def clean_numbers(value: Any) -> Any:
    """Round floats to seven figures and turn what is not finite into None, so that the report is valid JSON."""
    if isinstance(value, Mapping):
        return {str(key): clean_numbers(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_numbers(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value


def _write_headline(material: Material, truth: Any, answers: Any, part: str) -> dict[str, Any]:
    classes = len(material.labels)
    name = measuring.choose_headline(material.truth, classes)
    measure = measuring.measure_classes if classes else measuring.measure_values
    if name not in measure(truth, answers):
        name = "accuracy"
    interval = measuring.bootstrap(_metric(name, truth, answers), len(truth), seed=material.plan.seed)
    return {
        "name": name,
        "title": measuring.TITLES[name],
        "value": measure(truth, answers)[name],
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "higher_is_better": name not in measuring.LOWER_IS_BETTER,
        "part": part,
        "rows": len(truth),
    }


def _metric(name: str, truth: Any, answers: Any) -> Any:
    """Return a cheap function of row numbers for the bootstrap."""
    if name == "rmse":
        squares = np.square(answers - truth)
        return lambda rows: float(np.sqrt(squares[rows].mean()))
    if name == "roc_auc":
        return lambda rows: measuring.roc_auc(truth[rows], answers[rows])
    found = answers.argmax(axis=1)
    if name == "balanced_accuracy":
        return lambda rows: measuring.balanced_accuracy(truth[rows], found[rows])
    hits = found == truth
    return lambda rows: float(hits[rows].mean())


def _write_baseline(material: Material, truths: Answers, part: str) -> dict[str, Any]:
    """Always the most frequent class with the shares of training as probabilities, or always the mean."""
    train, truth = truths["train"], truths[part]
    if material.labels:
        shares = np.bincount(train, minlength=len(material.labels)) / len(train)
        answers = np.tile(shares, (len(truth), 1))
        label = material.labels[int(shares.argmax())]
        return {
            **_titled(_("always the most frequent class ({label})", label=label)),
            "metrics": measuring.measure_classes(truth, answers),
        }
    mean = float(np.mean(train))
    return {
        **_titled(_("always the mean ({mean:.4g})", mean=mean)),
        "metrics": measuring.measure_values(truth, np.full(len(truth), mean)),
    }


def _titled(title: Sentence) -> dict[str, Any]:
    return {"title": str(title), "sentence": asdict(title)}


def _write_data(material: Material) -> dict[str, Any]:
    parts = material.parts
    return {
        "rows": {
            "train": len(parts.train),
            "validation": len(parts.validation),
            "test": len(parts.test),
            "unused": material.unused,
        },
        "split": material.plan.split.method,
        "notices": [str(notice) for notice in material.notices],
        "sentences": [asdict(notice) for notice in material.notices],
    }


def _write_classification(labels: tuple[str, ...], truth: Any, probabilities: Any) -> dict[str, Any]:
    found = probabilities.argmax(axis=1)
    counts = np.bincount(truth, minlength=len(labels))
    frequent = np.argsort(-counts, kind="stable")
    return {
        "confusion": _write_confusion(labels, truth, found, frequent),
        "classes": [_write_class(labels, truth, found, int(label)) for label in frequent[:MOST_LISTED]],
        "roc": _write_curves(labels, truth, probabilities, _write_roc),
        "pr": _write_curves(labels, truth, probabilities, _write_pr),
        "calibration": _write_calibration(truth, probabilities),
    }


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


def _write_class(labels: tuple[str, ...], truth: Any, found: Any, label: int) -> dict[str, Any]:
    right = int(((truth == label) & (found == label)).sum())
    rows, answered = int((truth == label).sum()), int((found == label).sum())
    return {
        "label": labels[label],
        "rows": rows,
        "precision": right / answered if answered else None,
        "recall": right / rows if rows else None,
        "f1": 2 * right / (rows + answered) if rows + answered else None,
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


def _write_calibration(truth: Any, probabilities: Any) -> dict[str, Any]:
    """Compare how sure the answers are with how often they are right, in bins of equally many rows."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = [rows for rows in np.array_split(np.argsort(confidence, kind="stable"), BINS) if len(rows)]
    written = [
        {"rows": len(rows), "confidence": float(confidence[rows].mean()), "accuracy": float(right[rows].mean())}
        for rows in bins
    ]
    error = sum(item["rows"] * abs(item["confidence"] - item["accuracy"]) for item in written) / max(1, len(truth))
    return {"ece": error, "bins": written}


def _write_residuals(truth: Any, values: Any, seed: int) -> dict[str, Any]:
    random = np.random.default_rng([seed, 6])
    chosen = np.sort(random.permutation(len(truth))[:MOST_RESIDUALS])
    counts, edges = np.histogram(values - truth, bins=min(30, max(5, round(math.sqrt(len(truth))))))
    return {
        "points": [[float(truth[row]), float(values[row])] for row in chosen],
        "histogram": [
            {"low": float(low), "high": float(high), "count": int(count)}
            for low, high, count in zip(edges, edges[1:], counts, strict=False)
        ],
    }


def decode_answers(material: Material, outputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return probabilities, or values in the unit of the target."""
    if isinstance(material.decoder, ValueDecoder):
        return material.decoder.values(outputs)
    return outputs["probabilities"].astype(np.float64)
