"""Scores of a file of predictions: the metric that the data set names, with a bootstrap interval."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from bench.accuracy.sets import DataSet

BOOTSTRAPS = 500
LOWER_IS_BETTER = ("rmse", "mae", "mase")
Numbers = NDArray[np.float64]


def score(data: DataSet, predictions: Path, scorer: str) -> tuple[float, float, float]:
    """Return value, low and high (the middle 95 % over test rows drawn again and again; of series NaN).

    The value is that of the `score.py` beside the data sets, run by the Python `scorer`, which has pandas.
    """
    command = [scorer, str(data.folder.parent / "score.py"), data.name, str(predictions)]
    value = float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["value"])
    if data.modality == "time series":
        return value, float("nan"), float("nan")
    measure = _measure(data, predictions)
    random, rows = np.random.default_rng(0), len(data.read_truth())
    drawn = [measure(random.integers(0, rows, rows)) for _ in range(BOOTSTRAPS)]
    low, high = np.nanpercentile(drawn, (2.5, 97.5))
    return value, float(low), float(high)


def _measure(data: DataSet, predictions: Path) -> Callable[[NDArray[np.int64]], float]:
    """The metric as a function of row numbers."""
    with predictions.open(encoding="utf-8", newline="") as file:
        answers = list(csv.DictReader(file))
    truth = np.array(data.read_truth())
    if data.modality == "image":
        by_file = {row["file"]: row for row in answers}
        answers = [by_file[name] for name in data.read_test()[0]]
    found = np.array([row["prediction"] for row in answers])
    match data.meta["metric"]:
        case "rmse":
            squares = np.square(truth.astype(float) - found.astype(float))
            return lambda rows: float(np.sqrt(squares[rows].mean()))
        case "roc_auc":
            labels, counts = np.unique(truth, return_counts=True)
            positive = str(labels[counts.argmin()])
            shares = np.array([float(row[f"p_{positive}"]) for row in answers])
            return lambda rows: float(metrics.roc_auc_score(truth[rows] == positive, shares[rows]))
        case "f1_spam":
            return lambda rows: float(metrics.f1_score(truth[rows], found[rows], pos_label="spam"))
        case _:
            return lambda rows: float(np.mean(truth[rows] == found[rows]))
