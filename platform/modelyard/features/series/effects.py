"""Columns whose future is known: holidays, promotions, prices. What they add to a series is learned as a linear map.

The map is the same for all series, in the scale of each. It is taken off the past before anything is forecast and put
on the forecasts afterwards, so that every candidate heeds it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from modelyard.features.base import BadValue
from modelyard.features.series.smoothing import Floats
from modelyard.features.values import NumberStyle, parse_category, parse_flag, parse_number

KnownKind = Literal["number", "flag", "category"]
FARTHEST = 5.0
"""Standard deviations beyond which a number counts no more: the map is linear only near what training saw."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """One column. `centre` and `scale` are those of training; a category has a number for each of its `levels`."""

    name: str
    kind: KnownKind
    style: NumberStyle = "point"
    centre: tuple[float, ...] = (0.0,)
    scale: float = 1.0
    levels: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        return len(self.centre)

    def encode(self, value: object) -> Floats:
        """Return the numbers of a value, all 0 where it is missing. Raises `BadValue`."""
        if self.kind == "category":
            level = parse_category(value)
            if level is None:
                return np.zeros(self.width)
            shares = [float(level == one) - centre for one, centre in zip(self.levels, self.centre, strict=True)]
            return np.array(shares, dtype=np.float64)
        number = parse_flag(value) if self.kind == "flag" else parse_number(value, self.style)
        if np.isnan(number):
            return np.zeros(1)
        return np.array([min(FARTHEST, max(-FARTHEST, (number - self.centre[0]) / self.scale))])

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "style": self.style,
            "centre": list(self.centre),
            "scale": self.scale,
            "levels": list(self.levels),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "centre": tuple(value["centre"]), "levels": tuple(value["levels"])})


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Known columns and how much each of their numbers adds, in the scale of a series."""

    columns: tuple[Known, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def encode(self, row: Mapping[str, Any]) -> Floats:
        """Return the numbers of one moment. Raises `BadValue` with the column's name."""
        parts = []
        for column in self.columns:
            try:
                parts.append(column.encode(row.get(column.name)))
            except BadValue as fault:
                raise BadValue(f"column '{column.name}' {fault.message}") from fault
        return np.concatenate(parts) if parts else np.zeros(0)

    def of(self, row: Mapping[str, Any]) -> float:
        """What one moment adds, in the scale of a series. Raises `BadValue`."""
        return float(self.encode(row) @ np.array(self.weights)) if self.columns else 0.0

    def to_json(self) -> dict[str, Any]:
        return {"columns": [column.to_json() for column in self.columns], "weights": list(self.weights)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        columns: Sequence[Known] = [Known.from_json(column) for column in value["columns"]]
        return cls(columns=tuple(columns), weights=tuple(value["weights"]))
