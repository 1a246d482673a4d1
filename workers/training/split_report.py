"""How the rows were parted, for the report (see `docs/report.md`)."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import PARTS
from workers.training.preparing import Material

MOST_CLASSES = 10
BINS = 24


def write_split(material: Material) -> dict[str, Any]:
    """Return method, column, shares, and what is in each part: rows, groups, time and target."""
    split = material.plan.split
    written: dict[str, Any] = {
        "method": split.method,
        "column": split.column,
        "validation": split.validation,
        "test": split.test,
        "parts": [_describe_part(material, part, getattr(material.parts, part)) for part in PARTS],
    }
    if material.labels:
        written["labels"] = [material.labels[label] for label in _frequent(material)]
    if material.moments is not None:
        written |= {"are_dates": material.moments.are_dates, "histogram": _count_by_time(material)}
    return written


def _describe_part(material: Material, part: str, rows: NDArray[np.int64]) -> dict[str, Any]:
    """`classes` are the shares of the most frequent classes, `mean` is that of the target."""
    described: dict[str, Any] = {"part": part, "rows": len(rows)}
    if not len(rows):
        return described
    if material.plan.split.method == "group":
        described["groups"] = len(np.unique(material.groups[rows]))
    if material.moments is not None:
        moments = material.moments.values[rows]
        known = moments[np.isfinite(moments)]
        if len(known):
            described |= {"low": float(known.min()), "high": float(known.max())}
    if material.labels:
        counts = np.bincount(material.truth[rows], minlength=len(material.labels)) / len(rows)
        described["classes"] = counts[_frequent(material)].tolist()
    elif material.truth.dtype.kind == "f":
        described["mean"] = float(material.truth[rows].mean())
    return described


def _frequent(material: Material) -> NDArray[np.int64]:
    counts = np.bincount(material.truth, minlength=len(material.labels))
    return np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])


def _count_by_time(material: Material) -> list[dict[str, Any]]:
    """How many rows of each part lie in stretches of time of equal length."""
    assert material.moments is not None
    values = material.moments.values
    edges = np.histogram_bin_edges(values[np.isfinite(values)], BINS)
    counts = {part: np.histogram(values[getattr(material.parts, part)], edges)[0].tolist() for part in PARTS}
    return [
        {"low": float(low), "high": float(high), **{part: counts[part][place] for part in PARTS}}
        for place, (low, high) in enumerate(pairwise(edges))
    ]
