"""Intervals around values: as wide as answers for rows that the model had not learned from were wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class Intervals:
    """Half widths on the scale on which the target is learned.

    A half width is the one of the level (0.9: nine of ten true values lie inside) times the spread that is usual for
    values of this size: `spreads` at `centres`, straight lines between them.
    """

    def __init__(
        self, *, rows: int, widths: Mapping[float, float], centres: Sequence[float], spreads: Sequence[float]
    ) -> None:
        self.rows = rows
        self.widths = dict(widths)
        self.centres = tuple(centres)
        self.spreads = tuple(spreads)

    @property
    def levels(self) -> tuple[float, ...]:
        return tuple(sorted(self.widths))

    def half_widths(self, values: Numbers, level: float) -> Numbers:
        """One for each value. Raises `KeyError` for a level that is not offered."""
        return self.widths[level] * np.interp(values, self.centres, self.spreads)

    def to_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "widths": [[level, self.widths[level]] for level in self.levels],
            "centres": list(self.centres),
            "spreads": list(self.spreads),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            rows=value["rows"],
            widths={float(level): float(width) for level, width in value["widths"]},
            centres=value["centres"],
            spreads=value["spreads"],
        )
