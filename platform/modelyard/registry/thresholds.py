"""Another threshold for a trained model: what its report, its decoder and its golden answers become.

Nothing is trained and nothing is computed anew: the report holds what follows from each of many thresholds, counted on
the rows that it judges. The functions take and give JSON values (`docs/report.md`, `modelyard.contracts.artifact`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.contracts.reference import EXTRA_BINS
from modelyard.features.anomalies import ANOMALY, NORMAL
from modelyard.features.binning import LABEL, SCORE

Json = dict[str, Any]
Report = Mapping[str, Any]
JUDGED_BY_LABEL = frozenset(["accuracy", "balanced_accuracy", "f1"])
"""Metrics of a classifier that follow from the labels it names, not from its probabilities."""
TOO_NEAR = 1e-3


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One threshold. `named` are the rows above it; `precision` and `recall` are known where there is a truth."""

    threshold: float
    named: int
    rows: int
    precision: float | None = None
    recall: float | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The thresholds that a version can be given, lowest first, and the one that it has."""

    kind: Literal["classes", "anomaly"]
    label: str
    other: str
    present: float
    points: tuple[Choice, ...]

    def nearest(self, threshold: float) -> Choice:
        """Return the measured threshold that lies nearest."""
        return min(self.points, key=lambda point: abs(point.threshold - threshold))


def choices_of(report: Report) -> Choices | None:
    """Return what can be chosen; None for models that have no threshold or whose report has no figures for others."""
    anomalies, classes = report.get("anomalies") or {}, report.get("thresholds") or {}
    if anomalies.get("points"):
        rows = anomalies["rows"]
        points = tuple(Choice(rows=rows, **point) for point in anomalies["points"])
        return Choices(kind="anomaly", label=ANOMALY, other=NORMAL, present=anomalies["threshold"], points=points)
    if classes.get("points"):
        rows = sum(map(sum, report["confusion"]["matrix"]))
        measured = [point for point in classes["points"] if 0 < point["threshold"] < 1]
        names = ("threshold", "named", "precision", "recall")
        points = tuple(Choice(rows=rows, **{name: point[name] for name in names}) for point in measured)
        label = classes["label"]
        other = next(name for name in report["confusion"]["labels"] if name != label)
        present = classes.get("chosen", 0.5)
        return Choices(kind="classes", label=label, other=other, present=present, points=points)
    return None


def change_report(report: Report, choice: Choice) -> Json:
    """Return the report with every figure that follows from the threshold; those that are not known are left out."""
    if report.get("anomalies"):
        return _change_anomalies(report, choice)
    return _change_classes(report, choice)


def change_decoder(decoder: Mapping[str, Any], label: str, choice: Choice) -> Json:
    """Return `decoder.json` with the threshold."""
    if decoder["kind"] == "anomaly":
        return {**decoder, "threshold": choice.threshold}
    return {**decoder, "named": label, "threshold": choice.threshold}


def change_golden(golden: Mapping[str, Any], label: str, choice: Choice) -> Json:
    """Return `golden.json` with the labels that the threshold gives, without rows that rounding could put on either
    side of it."""
    pairs = [
        (row, _rename(answer, label, choice.threshold))
        for row, answer in zip(golden["rows"], golden["predictions"], strict=True)
        if abs(_judged(answer, label) - choice.threshold) > TOO_NEAR * (1 + choice.threshold)
    ]
    return {**golden, "rows": [row for row, _ in pairs], "predictions": [answer for _, answer in pairs]}


def change_reference(reference: Mapping[str, Any], labels: tuple[str, str], choice: Choice) -> Json:
    """Return `reference.json` with as many of each label as the threshold names, the one that it is about first.

    How sure a classifier is of the label that it names is not known for another threshold: that is not watched.
    """
    columns = []
    for column in reference["columns"]:
        if column["name"] == LABEL:
            rows = sum(column["counts"])
            named = round(rows * choice.named / choice.rows)
            columns.append({**column, "values": list(labels), "counts": [named, rows - named, *[0] * EXTRA_BINS]})
        elif column["name"] != SCORE or labels[0] == ANOMALY:
            columns.append(column)
    return {**reference, "columns": columns}


def _judged(answer: Mapping[str, Any], label: str) -> float:
    """The number of an answer that the threshold is held against."""
    return float(answer["probabilities"][label] if "probabilities" in answer else answer["score"])


def _rename(answer: Mapping[str, Any], label: str, threshold: float) -> Json:
    if "probabilities" not in answer:
        return {**answer, "label": ANOMALY if answer["score"] > threshold else NORMAL}
    probabilities: Mapping[str, float] = answer["probabilities"]
    other = next(name for name in probabilities if name != label)
    found = label if probabilities[label] >= threshold else other
    return {**answer, "label": found, "score": probabilities[found]}


def _change_anomalies(report: Report, choice: Choice) -> Json:
    found = report["anomalies"]
    part = found["part"]
    metrics = {name: {key: value for key, value in of.items() if key != "flagged"} for name, of in _parts(report)}
    metrics[part]["flagged"] = choice.named / choice.rows
    strangest = [{**row, "anomaly": row["score"] > choice.threshold} for row in found["strangest"]]
    return {
        **report,
        "metrics": metrics,
        "anomalies": {**found, "threshold": choice.threshold, "share": None, "strangest": strangest},
    }


def _change_classes(report: Report, choice: Choice) -> Json:
    headline, thresholds = report["headline"], report["thresholds"]
    matrix = _count(report["confusion"], thresholds["label"], choice)
    measured = _measure(matrix)
    metrics = {
        name: {key: value for key, value in of.items() if key not in JUDGED_BY_LABEL} for name, of in _parts(report)
    }
    metrics[headline["part"]] |= measured
    if headline["name"] in measured:
        headline = {**headline, "value": measured[headline["name"]], "low": None, "high": None}
    changed = {
        **report,
        "headline": headline,
        "metrics": metrics,
        "confusion": {**report["confusion"], "matrix": matrix},
        "classes": [_judge_class(entry, report["confusion"]["labels"], matrix) for entry in report["classes"]],
        "thresholds": {**thresholds, "chosen": choice.threshold},
    }
    if report.get("intervals"):
        changed["intervals"] = _forget(report["intervals"])
    return changed


def _parts(report: Report) -> list[tuple[str, Json]]:
    return list(report["metrics"].items())


def _count(confusion: Mapping[str, Any], label: str, choice: Choice) -> list[list[int]]:
    """The confusion matrix of two classes, from how many are named and how many of them are found."""
    place = confusion["labels"].index(label)
    positive, negative = sum(confusion["matrix"][place]), sum(confusion["matrix"][1 - place])
    hits = round((choice.recall or 0.0) * positive)
    alarms = choice.named - hits
    rows = [[hits, positive - hits], [alarms, negative - alarms]]
    return rows if place == 0 else [row[::-1] for row in rows[::-1]]


def _measure(matrix: list[list[int]]) -> dict[str, float]:
    rows = sum(map(sum, matrix))
    scores = [_score(matrix, place) for place in (0, 1)]
    recalls = [score["recall"] for score in scores if score["recall"] is not None]
    means = [score["f1"] for score in scores if score["f1"] is not None]
    return {
        "accuracy": (matrix[0][0] + matrix[1][1]) / rows,
        "balanced_accuracy": sum(recalls) / len(recalls),
        "f1": sum(means) / len(means),
    }


def _score(matrix: list[list[int]], place: int) -> dict[str, float | None]:
    right, rows = matrix[place][place], sum(matrix[place])
    answered = matrix[0][place] + matrix[1][place]
    return {
        "precision": right / answered if answered else None,
        "recall": right / rows if rows else None,
        "f1": 2 * right / (rows + answered) if rows + answered else None,
    }


def _judge_class(entry: Mapping[str, Any], labels: list[str], matrix: list[list[int]]) -> Json:
    return {**entry, **_score(matrix, labels.index(entry["label"])), "intervals": {}}


def _forget(intervals: Mapping[str, Any]) -> Json:
    """Without those of the metrics that follow from the labels: they were drawn for the former threshold."""
    changed = dict(intervals)
    for section in ("metrics", "draws"):
        changed[section] = {name: of for name, of in intervals[section].items() if name not in JUDGED_BY_LABEL}
    return changed
