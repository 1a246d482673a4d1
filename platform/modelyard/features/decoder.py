"""Outputs of the numeric core to predictions: `{"label", "score", "probabilities"}` or `{"value"}`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays
from modelyard.features.intervals import Intervals

Numbers = NDArray[np.float64]
Transform = Literal["none", "log"]


class ClassDecoder:
    """Names the likeliest class of the output `probabilities`, shape (rows, classes).

    Of two classes `named` may be given a `threshold`: it is named from that probability on, the other below it.
    """

    KIND = "classes"
    OUTPUT = "probabilities"

    def __init__(self, labels: Sequence[str], *, named: str | None = None, threshold: float | None = None) -> None:
        self.labels = tuple(labels)
        self.named = named
        self.threshold = threshold
        if (named is None) != (threshold is None) or (named is not None and len(self.labels) != 2):
            raise ValueError(f"a threshold belongs to one of two labels; got {named!r} of {len(self.labels)} labels")
        self._place = self.labels.index(named) if named is not None else None

    def choose(self, probabilities: NDArray[Any]) -> NDArray[np.intp]:
        """Return the place of the label that is named, one a row."""
        if self._place is None:
            best: NDArray[np.intp] = probabilities.argmax(axis=1)
            return best
        return np.where(probabilities[:, self._place] >= self.threshold, self._place, 1 - self._place)

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        probabilities = outputs[self.OUTPUT]
        best = self.choose(probabilities).tolist()
        labels = self.labels
        return [
            {"label": labels[index], "score": row[index], "probabilities": dict(zip(labels, row, strict=True))}
            for index, row in zip(best, probabilities.tolist(), strict=True)
        ]

    def arrays(self, outputs: Mapping[str, NDArray[Any]]) -> Arrays:
        probabilities = outputs[self.OUTPUT]
        best = self.choose(probabilities)
        scores = probabilities[np.arange(len(best)), best]
        return {"label": np.array(self.labels, dtype=object)[best], "score": scores, "probabilities": probabilities}

    def to_json(self) -> dict[str, Any]:
        threshold = {} if self.named is None else {"named": self.named, "threshold": self.threshold}
        return {"kind": self.KIND, "labels": list(self.labels), **threshold}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["labels"], named=value.get("named"), threshold=value.get("threshold"))


class ValueDecoder:
    """Turns the output `value`, standardised, shape (rows, 1), back into the unit of the target.

    The numeric core computes in single precision; undoing the scaling here, in double, keeps large targets exact.
    `minimum` and `maximum` are what training saw: a network extrapolates wildly, so its answer is kept between them.
    `intervals` say how far off it may be, where enough rows were held out to know.
    """

    KIND = "value"
    OUTPUT = "value"

    def __init__(
        self,
        *,
        mean: float,
        scale: float,
        transform: Transform,
        minimum: float,
        maximum: float,
        intervals: Intervals | None = None,
    ) -> None:
        self.mean = mean
        self.scale = scale
        self.transform = transform
        self.minimum = minimum
        self.maximum = maximum
        self.intervals = intervals

    def values(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return one value a row."""
        return np.clip(self._unlearn(self._learned(outputs)), self.minimum, self.maximum)

    def bounds(self, outputs: Mapping[str, NDArray[Any]], level: float) -> tuple[Numbers, Numbers]:
        """Return below and above what the true values are expected with the probability `level`, one a row.

        What was never negative in training is not expected to be. Raises `KeyError` for a level that is not offered.
        """
        if self.intervals is None:
            raise KeyError(level)
        centres = self.centres(outputs)
        halves = self.intervals.half_widths(centres, level)
        low, high = self._unlearn(centres - halves), self._unlearn(centres + halves)
        return (np.maximum(low, 0.0) if self.minimum >= 0 else low), high

    def centres(self, outputs: Mapping[str, NDArray[Any]]) -> Numbers:
        """The values on the scale on which they are learned, one a row."""
        return np.clip(self._learned(outputs), *self.learn(np.array([self.minimum, self.maximum])))

    def learn(self, values: Numbers) -> Numbers:
        """Values in the unit of the target on the scale on which they are learned, before it is standardised."""
        return np.log1p(np.maximum(values, 0.0)) if self.transform == "log" else values

    def _learned(self, outputs: Mapping[str, NDArray[Any]]) -> Numbers:
        learned: Numbers = outputs[self.OUTPUT].reshape(-1).astype(np.float64) * self.scale + self.mean
        return learned

    def _unlearn(self, values: Numbers) -> Numbers:
        return np.expm1(np.minimum(values, 700.0)) if self.transform == "log" else values

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        return [{"value": value} for value in self.values(outputs).tolist()]

    def arrays(self, outputs: Mapping[str, NDArray[Any]]) -> Arrays:
        return {"value": self.values(outputs)}

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.KIND,
            "mean": self.mean,
            "scale": self.scale,
            "transform": self.transform,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "intervals": self.intervals.to_json() if self.intervals else None,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        intervals = value.get("intervals")
        return cls(
            **{name: value[name] for name in ("mean", "scale", "transform", "minimum", "maximum")},
            intervals=Intervals.from_json(intervals) if intervals else None,
        )
