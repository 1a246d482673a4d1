"""What callers of a forecaster send: the signature, and golden rows of every form."""

from collections.abc import Sequence
from typing import Any

from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.series.features import SeriesFeatures
from modelyard.features.series.forecasts import LEVELS
from modelyard.features.series.requests import FUTURE, HISTORY, HORIZON, START
from workers.training.forecasting.panel import Panel

MOST_LISTED = 1000
FEW_VALUES = 12
GOLDEN_SERIES = 5


def sign_series(panel: Panel, features: SeriesFeatures) -> Signature:
    """The columns that name a series, the moment, the known columns, and what is no column: history, start, horizon."""
    calendar, columns = panel.calendar, panel.columns
    middle = panel.keys[len(panel.keys) // 2]
    inputs = [
        Input(
            name=name,
            kind="category",
            optional=False,
            values=tuple(sorted({key[place] for key in panel.keys})[:MOST_LISTED]),
            example=middle[place],
        )
        for place, name in enumerate(columns.series)
    ]
    inputs.append(Input(name=columns.time, kind="number" if calendar.unit == "numbers" else "date"))
    for column in features.effects.columns:
        levels = column.levels if column.kind == "category" else ()
        inputs.append(Input(name=column.name, kind=column.kind, values=levels))
    history = [
        Input(name=HORIZON, kind="count", minimum=1, maximum=features.recipe.horizon, example=features.recipe.horizon),
        Input(name=HISTORY, kind="history"),
        Input(name=START, kind="number" if calendar.unit == "numbers" else "date"),
    ]
    if features.effects.columns:
        history.append(Input(name=FUTURE, kind="history"))
    labels = tuple(f"{level:g}" for level in LEVELS)
    output = Output(kind="forecast", name=columns.target, labels=labels)
    return Signature(task="forecasting", inputs=(*inputs, *history), output=output)


class SeriesRows:
    """Rows as callers send them."""

    def __init__(self, panel: Panel, pasts: Sequence[Any], period: int) -> None:
        self._panel = panel
        self._pasts = pasts
        self._period = period

    def golden(self) -> list[dict[str, Any]]:
        """Some series as they are, one step of one, newer values of one, and a series that is new."""
        panel = self._panel
        count = len(panel.keys)
        places = sorted({round(place * (count - 1) / max(1, GOLDEN_SERIES - 1)) for place in range(GOLDEN_SERIES)})
        named = [self._name(place) for place in places]
        end, past = panel.ends[0], self._pasts[0]
        stamp = {panel.columns.time: panel.calendar.write(end + 1)}
        newer = [{panel.columns.time: panel.calendar.write(end + 1), panel.columns.target: float(past[-1])}]
        few = [float(value) for value in past[-max(FEW_VALUES, 2 * self._period) :]]
        start = panel.calendar.write(end - len(few) + 1)
        unseen = dict.fromkeys(panel.columns.series, "never seen")
        return [
            *named,
            {**named[0], HORIZON: 1},
            {**named[0], **stamp},
            {**named[0], HISTORY: newer},
            {**unseen, HISTORY: few, START: start},
        ]

    def _name(self, place: int) -> dict[str, Any]:
        return dict(zip(self._panel.columns.series, self._panel.keys[place], strict=True))
