"""The sections of a report on a regressor (see `docs/report.md`)."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features.decoder import ValueDecoder
from workers.training.conforming import measure_intervals

MOST_RESIDUALS = 1000


def write_regression(
    decoder: ValueDecoder, outputs: Mapping[str, NDArray[Any]], truth: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Return the sections; `outputs` are those of the core for the rows of `truth`."""
    sections: dict[str, Any] = {"residuals": _write_residuals(truth, decoder.values(outputs), seed)}
    if decoder.intervals is not None:
        sections["prediction_intervals"] = measure_intervals(decoder, outputs, truth)
    return sections


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
