"""Outputs of the numeric core to forecasts: `{"values", "timestamps", "quantiles"}`."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.series.calendars import Calendar

LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
MEDIAN = LEVELS.index(0.5)


class ForecastDecoder:
    """Takes the wanted steps of the output `quantiles`, shape (rows, horizon, levels), and names their periods.

    The output `place`, shape (rows, 3), says of each row the period of the first step ahead, and which steps are
    wanted: the first one and how many.
    """

    KIND = "forecasts"
    OUTPUT = "quantiles"
    PLACE = "place"

    def __init__(self, calendar: Calendar, levels: Sequence[float] = LEVELS) -> None:
        self.calendar = calendar
        self.levels = tuple(levels)
        self.median = self.levels.index(0.5)

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        quantiles, places = outputs[self.OUTPUT], outputs[self.PLACE].tolist()
        names = [f"{level:g}" for level in self.levels]
        rows = []
        for values, (index, first, count) in zip(quantiles, places, strict=True):
            wanted = values[first : first + count]
            rows.append(
                {
                    "values": wanted[:, self.median].tolist(),
                    "timestamps": [self.calendar.write(index + first + step) for step in range(count)],
                    "quantiles": dict(zip(names, wanted.T.tolist(), strict=True)),
                }
            )
        return rows

    def arrays(self, outputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The same as arrays: `values` (rows, steps) and `quantiles` (rows, steps, levels), `timestamps` as texts.

        Rows that ask for fewer steps than others end with NaN and "".
        """
        quantiles, places = outputs[self.OUTPUT], outputs[self.PLACE]
        longest = int(places[:, 2].max(initial=0))
        taken = np.full((len(places), longest, len(self.levels)), np.nan)
        stamps = np.full((len(places), longest), "", dtype=object)
        for row, (index, first, count) in enumerate(places.tolist()):
            taken[row, :count] = quantiles[row, first : first + count]
            stamps[row, :count] = [str(self.calendar.write(index + first + step)) for step in range(count)]
        return {"values": taken[:, :, self.median], "timestamps": stamps, "quantiles": taken}

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.KIND, "calendar": self.calendar.to_json(), "levels": list(self.levels)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(Calendar.from_json(value["calendar"]), value["levels"])
