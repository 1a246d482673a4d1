"""How far metrics may be off because the test rows are few: rows are drawn again and again (Efron, 1979).

A draw is a weight for each row: how often it was taken. Rows are drawn within their class; where rows are no
observations by themselves, whole groups or whole stretches of time are drawn. What is drawn follows from the test rows
alone, so that two models with the same test rows are measured on the same draws and can be compared draw by draw.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.training.metrics import rarer_class
from workers.training.preparing import Material

MOST_DRAWS, FEWEST_DRAWS = 1000, 200
WORK = 20_000_000
"""Rows times classes that may be drawn in all."""
KEPT_DRAWS = 400
MOST_RANKED = 30
"""Classes above which the area under the curves is not drawn: each would have to be sorted and summed."""
MIDDLE = (2.5, 97.5)
Unit = Literal["class", "row", "group", "block"]
Numbers = NDArray[np.float64]
Rows = NDArray[np.int64]


class Sample(Protocol):
    """Answers for test rows, measured under weights of the rows."""

    def measure(self, weights: Numbers) -> dict[str, float | Numbers]: ...


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Metrics of every draw: (draws,) or, for figures of each class, (draws, classes); NaN where undefined."""

    unit: Unit
    digest: str
    values: Mapping[str, Numbers]

    def interval(self, name: str, place: int | None = None) -> tuple[float, float] | None:
        """Return the middle 95 %; None where the metric is unknown or rarely defined."""
        found = self.values.get(name)
        if found is None:
            return None
        drawn = found if place is None else found[:, place]
        known = drawn[np.isfinite(drawn)]
        if len(known) < len(drawn) / 2:
            return None
        low, high = np.percentile(known, MIDDLE)
        return float(low), float(high)


def draw_again(material: Material, rows: Rows, answers: NDArray[Any]) -> Draws:
    """Measure the answers for `rows` of the material under many draws of them."""
    truth = material.truth[rows]
    classes = len(material.labels)
    sample: Sample = ClassSample(truth, answers) if classes else ValueSample(truth, answers)
    unit, units = _find_units(material, rows)
    digest = _digest(material, rows, unit)
    random = np.random.default_rng(int(digest[:16], 16))
    count = int(np.clip(WORK / (len(rows) * max(1, min(classes, MOST_RANKED))), FEWEST_DRAWS, MOST_DRAWS))
    drawer = Drawer(unit, units)
    drawn: dict[str, list[float | Numbers]] = {}
    for _draw in range(count):
        for name, value in sample.measure(drawer.draw(random)).items():
            drawn.setdefault(name, []).append(value)
    return Draws(unit=unit, digest=digest, values={name: np.array(values) for name, values in drawn.items()})


class Drawer:
    """Says how often each row is taken. `units` is the class of each row, or its group or block."""

    def __init__(self, unit: Unit, units: Rows) -> None:
        self._within = unit in ("class", "row")
        self._units = units
        self._order = np.argsort(units, kind="stable")
        sizes = np.bincount(units)
        self._sizes = sizes[units[self._order]]
        self._starts = (np.cumsum(sizes) - sizes)[units[self._order]]

    def draw(self, random: np.random.Generator) -> Numbers:
        rows = len(self._units)
        if self._within:
            places = self._starts + (random.random(rows) * self._sizes).astype(np.int64)
            return np.bincount(self._order[places], minlength=rows).astype(np.float64)
        count = int(self._units.max()) + 1
        return np.bincount(random.integers(0, count, count), minlength=count)[self._units].astype(np.float64)


def _find_units(material: Material, rows: Rows) -> tuple[Unit, Rows]:
    if material.moments is not None:
        size = max(1, round(len(rows) ** (1 / 3)))
        places = np.argsort(np.argsort(material.moments.values[rows], kind="stable"), kind="stable")
        return "block", places // size
    if material.plan.split.method == "group":
        return "group", np.unique(material.groups[rows], return_inverse=True)[1].astype(np.int64)
    if material.labels:
        return "class", material.truth[rows]
    return "row", np.zeros(len(rows), dtype=np.int64)


def _digest(material: Material, rows: Rows, unit: Unit) -> str:
    """Names these test rows: equal for two models that were tested on the same rows of the same data."""
    plan = material.plan
    said = repr((plan.data_sha256, material.target_name, material.task, material.labels, unit, plan.split.column))
    truth = np.ascontiguousarray(material.truth[rows])
    return hashlib.sha256(said.encode() + rows.astype("<i8").tobytes() + truth.tobytes()).hexdigest()


class _Ranking:
    """Rows by score, for the curves of one class."""

    def __init__(self, positive: NDArray[np.bool_], scores: Numbers) -> None:
        self._order = np.argsort(scores, kind="stable")
        ordered = scores[self._order]
        self._starts = np.flatnonzero(np.append(True, np.diff(ordered) != 0))
        self._positive = positive[self._order]

    def measure(self, weights: Numbers) -> tuple[float, float]:
        """Return the area under the ROC curve and the average precision; NaN where a side is missing."""
        taken = weights[self._order]
        rights = np.add.reduceat(taken * self._positive, self._starts)
        wrongs = np.add.reduceat(taken * ~self._positive, self._starts)
        positives, negatives = rights.sum(), wrongs.sum()
        if not positives or not negatives:
            return np.nan, np.nan
        area = float((rights * (np.cumsum(wrongs) - wrongs / 2)).sum() / (positives * negatives))
        found, named = np.cumsum(rights[::-1]), np.cumsum((rights + wrongs)[::-1])
        precision = found / np.maximum(named, 1.0)
        return area, float((rights[::-1] * precision).sum() / positives)


class ClassSample:
    """Probabilities for rows whose classes are known."""

    def __init__(self, truth: Rows, probabilities: Numbers) -> None:
        self._truth, self._classes = truth, probabilities.shape[1]
        self._found = probabilities.argmax(axis=1)
        self._hits = (self._found == truth).astype(np.float64)
        chosen = probabilities[np.arange(len(truth)), truth].astype(np.float64)
        self._losses = -np.log(np.clip(chosen, 1e-12, 1.0))
        present = np.unique(truth)
        ranked: Sequence[int] = present.tolist() if len(present) == self._classes <= MOST_RANKED else ()
        if self._classes == 2 and ranked:
            ranked = [rarer_class(truth)]
        self._rankings = [_Ranking(truth == label, probabilities[:, label]) for label in ranked]

    def measure(self, weights: Numbers) -> dict[str, float | Numbers]:
        total = weights.sum()
        rows = np.bincount(self._truth, weights, self._classes)
        named = np.bincount(self._found, weights, self._classes)
        right = np.bincount(self._truth, weights * self._hits, self._classes)
        recall, precision, f1 = _share(right, rows), _share(right, named), _share(2 * right, rows + named)
        metrics: dict[str, float | Numbers] = {
            "loss": float(weights @ self._losses / total),
            "accuracy": float(weights @ self._hits / total),
            "balanced_accuracy": float(np.nanmean(recall)),
            "f1": float(np.nanmean(f1)),
            "class_recall": recall,
            "class_precision": precision,
            "class_f1": f1,
        }
        curves = [ranking.measure(weights) for ranking in self._rankings]
        if curves:
            metrics["roc_auc"] = float(np.mean([area for area, _precision in curves]))
            if self._classes == 2:
                metrics["average_precision"] = curves[0][1]
        return metrics


class ValueSample:
    """Values for rows whose true values are known. Both are scaled, so that squares stay finite."""

    def __init__(self, truth: Numbers, values: Numbers) -> None:
        self._size = float(np.abs(values - truth).max()) or 1.0
        self._errors = (values - truth) / self._size
        self._order = np.argsort(np.abs(self._errors), kind="stable")
        self._reach = float(np.abs(truth).max()) or 1.0
        self._truth = truth / self._reach

    def measure(self, weights: Numbers) -> dict[str, float | Numbers]:
        shares = weights / weights.sum()
        sizes = np.abs(self._errors)
        square = float(shares @ np.square(sizes))
        middle = int(np.searchsorted(np.cumsum(shares[self._order]), 0.5 - 1e-12))
        spread = float(shares @ np.square(self._truth - shares @ self._truth))
        ratio = (self._size / self._reach) * np.sqrt(square / spread) if spread > 0 else np.nan
        return {
            "rmse": self._size * float(np.sqrt(square)),
            "mae": self._size * float(shares @ sizes),
            "median_error": self._size * float(sizes[self._order[middle]]),
            "r2": float(1.0 - ratio**2),
        }


def _share(part: NDArray[Any], whole: NDArray[Any]) -> Numbers:
    shares: Numbers = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return shares
