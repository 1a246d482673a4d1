"""Outputs of the numeric core to predictions: `{"label", "score", "probabilities"}` or `{"value"}`."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Transform = Literal["none", "log"]


class ClassDecoder:
    """Names the likeliest class of the output `probabilities`, shape (rows, classes)."""

    KIND = "classes"
    OUTPUT = "probabilities"

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        probabilities = outputs[self.OUTPUT]
        best = probabilities.argmax(axis=1).tolist()
        labels = self.labels
        return [
            {"label": labels[index], "score": row[index], "probabilities": dict(zip(labels, row, strict=True))}
            for index, row in zip(best, probabilities.tolist(), strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.KIND, "labels": list(self.labels)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["labels"])


class ValueDecoder:
    """Turns the output `value`, standardised, shape (rows, 1), back into the unit of the target.

    The numeric core computes in single precision; undoing the scaling here, in double, keeps large targets exact.
    `minimum` and `maximum` are what training saw: a network extrapolates wildly, so its answer is kept between them.
    """

    KIND = "value"
    OUTPUT = "value"

    def __init__(self, *, mean: float, scale: float, transform: Transform, minimum: float, maximum: float) -> None:
        self.mean = mean
        self.scale = scale
        self.transform = transform
        self.minimum = minimum
        self.maximum = maximum

    def values(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return one value a row."""
        values = outputs[self.OUTPUT].reshape(-1).astype(np.float64) * self.scale + self.mean
        if self.transform == "log":
            values = np.expm1(np.minimum(values, 700.0))
        return np.clip(values, self.minimum, self.maximum)

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        return [{"value": value} for value in self.values(outputs).tolist()]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.KIND,
            "mean": self.mean,
            "scale": self.scale,
            "transform": self.transform,
            "minimum": self.minimum,
            "maximum": self.maximum,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{name: value[name] for name in ("mean", "scale", "transform", "minimum", "maximum")})
