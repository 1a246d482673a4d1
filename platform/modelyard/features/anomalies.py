"""Errors of reconstruction to predictions: `{"label", "score", "percentile", "reason"}`."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays

NORMAL, ANOMALY = "normal", "anomaly"


class AnomalyDecoder:
    """Judges the output `errors`, shape (rows, inputs): how much worse than usual each input came through.

    `inputs` names the column of each. The score of a row is the mean of its columns' errors, divided by the `median` of
    the rows that it was set by: 1 is usual, 10 is ten times as strange. Rows above `threshold` are anomalies;
    `percentile` is the share of those rows that are less strange; `reason` is the column with the largest error.
    `quantiles` are their scores, evenly spaced from the lowest to the highest.
    """

    KIND = "anomaly"
    OUTPUT = "errors"

    def __init__(
        self,
        inputs: Sequence[str],
        *,
        median: float = 1.0,
        threshold: float = 1.0,
        quantiles: Sequence[float] = (0.0, 1.0),
    ) -> None:
        self.inputs = tuple(inputs)
        self.median = median
        self.threshold = threshold
        self.quantiles = np.array(quantiles, dtype=np.float64)
        self.columns = tuple(dict.fromkeys(self.inputs))
        mine = np.array([[name == column for column in self.columns] for name in self.inputs], dtype=np.float64)
        self._average = mine / mine.sum(axis=0) if self.inputs else mine
        self._names = np.array(self.columns, dtype=object)
        self._labels = np.array([NORMAL, ANOMALY], dtype=object)

    def errors(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the mean error of each column, shape (rows, columns)."""
        errors: NDArray[np.float64] = outputs[self.OUTPUT].astype(np.float64) @ self._average
        return errors

    def arrays(self, outputs: Mapping[str, NDArray[Any]]) -> Arrays:
        errors = self.errors(outputs)
        scores = errors.mean(axis=1) / self.median
        return {
            "label": self._labels[(scores > self.threshold).astype(np.intp)],
            "score": scores,
            "percentile": np.interp(scores, self.quantiles, np.linspace(0.0, 1.0, len(self.quantiles))),
            "reason": self._names[errors.argmax(axis=1)],
        }

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        parts = {name: array.tolist() for name, array in self.arrays(outputs).items()}
        return [dict(zip(parts, row, strict=True)) for row in zip(*parts.values(), strict=True)]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.KIND,
            "inputs": list(self.inputs),
            "median": self.median,
            "threshold": self.threshold,
            "quantiles": self.quantiles.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["inputs"], median=value["median"], threshold=value["threshold"], quantiles=value["quantiles"])
