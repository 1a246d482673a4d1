"""Features of a forecaster: a row that names a series, or brings its past, to the inputs of the numeric core."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays, RowProblem
from modelyard.features.series.calendars import Calendar
from modelyard.features.series.candidates import Candidate
from modelyard.features.series.effects import Effects
from modelyard.features.series.outlooks import Outlooks, Recipe, measure
from modelyard.features.series.packing import pack, unpack
from modelyard.features.series.requests import Columns, Key, Past, Request, RequestReader, WrongRequest
from modelyard.features.series.smoothing import Floats

MOST_KEPT = 2_000_000
"""Numbers of outlooks that are kept once they are computed."""


class SeriesFeatures:
    """Gives `medians` (rows, horizon, candidates) and, for a network, `window` (rows, steps), scaled; in the unit of
    the target `centre`, `scale`, `floor` (rows, 1) and `effect` (rows, horizon); for the decoder `asked` (rows, 3).

    `pasts` are the last values of the series that training saw, `settings` how each candidate was fitted to them.
    """

    KIND = "series"

    def __init__(
        self,
        *,
        columns: Columns,
        calendar: Calendar,
        recipe: Recipe,
        effects: Effects,
        pasts: Mapping[Key, Past],
        settings: Mapping[str, Floats],
        scales: Sequence[float],
    ) -> None:
        self.columns = columns
        self.calendar = calendar
        self.recipe = recipe
        self.effects = effects
        self.pasts = dict(pasts)
        self.settings = dict(settings)
        self.scales = list(scales)
        self._numbers = {key: number for number, key in enumerate(self.pasts)}
        self._typical = {name: np.median(rows, axis=0) for name, rows in self.settings.items()}
        self._reader = RequestReader(columns, calendar, effects, recipe.periods[0], recipe.horizon)
        self._kept: dict[int, Outlooks] = {}

    @property
    def keys(self) -> list[Key]:
        return list(self.pasts)

    def without_window(self) -> Self:
        """The same for a core that has no network."""
        return type(self)(
            columns=self.columns,
            calendar=self.calendar,
            recipe=replace(self.recipe, window=0),
            effects=self.effects,
            pasts=self.pasts,
            settings=self.settings,
            scales=self.scales,
        )

    # -- transforming

    def transform(self, rows: Sequence[object]) -> Arrays:
        requests = [self._read(row, index) for index, row in enumerate(rows)]
        outlooks = self._look(requests)
        effects = np.array([request.effects for request in requests]).reshape(len(rows), self.recipe.horizon)
        window = {"window": outlooks.window} if self.recipe.window else {}
        return {
            **window,
            "medians": outlooks.medians,
            "centre": outlooks.centre[:, None],
            "scale": outlooks.scale[:, None],
            "floor": outlooks.floor[:, None],
            "effect": effects * np.array([self._scale(request) for request in requests])[:, None],
            "asked": np.array([self._place(request) for request in requests], dtype=np.int64).reshape(len(rows), 3),
        }

    def transform_columns(self, columns: Mapping[str, Sequence[object] | NDArray[Any]]) -> Arrays:
        lists = {
            name: column.tolist() if isinstance(column, np.ndarray) else column for name, column in columns.items()
        }
        count = len(next(iter(lists.values()), []))
        return self.transform([{name: column[row] for name, column in lists.items()} for row in range(count)])

    def _read(self, row: object, index: int) -> Request:
        if not isinstance(row, Mapping):
            raise RowProblem(index, None, "must be an object of column name to value")
        try:
            key = self._reader.read_key(row)
            number = self._numbers.get(key)
            return self._reader.read(row, key, self.pasts.get(key), 1.0 if number is None else self.scales[number])
        except WrongRequest as fault:
            raise RowProblem(index, fault.column, fault.message) from fault

    def _place(self, request: Request) -> tuple[int, int, int]:
        past = request.past or self.pasts[request.key]
        return past.end + 1, request.first, request.count

    def _scale(self, request: Request) -> float:
        """What the effects of known columns are told in."""
        number = self._numbers.get(request.key)
        if number is not None:
            return self.scales[number]
        assert request.past is not None
        return float(measure(request.past.values[None, :], self.recipe.periods[0])[1][0])

    def _look(self, requests: Sequence[Request]) -> Outlooks:
        """Outlooks of stored series are computed once; those of values that came with a row each time."""
        wanted = sorted({self._numbers[request.key] for request in requests if request.past is None})
        stored = self._recall(wanted)
        brought = [request for request in requests if request.past is not None]
        parts = [stored] if wanted else []
        if brought:
            settings = {name: np.stack([self._settings(name, one.key) for one in brought]) for name in self.settings}
            pasts = [request.past.values for request in brought if request.past is not None]
            parts.append(self.recipe.look(pasts, settings))
        places, next_brought = [], len(wanted)
        at = {number: place for place, number in enumerate(wanted)}
        for request in requests:
            if request.past is None:
                places.append(at[self._numbers[request.key]])
            else:
                places.append(next_brought)
                next_brought += 1
        return (Outlooks.join(parts) if parts else stored).take(places)

    def _settings(self, name: str, key: Key) -> Floats:
        """Those of the series where training saw it, else the middle of all."""
        number = self._numbers.get(key)
        return self._typical[name] if number is None else np.asarray(self.settings[name][number])

    def _recall(self, numbers: Sequence[int]) -> Outlooks:
        missing = [number for number in numbers if number not in self._kept]
        fresh: dict[int, Outlooks] = {}
        if missing or not numbers:
            keys = self.keys
            found = self.recipe.look(
                [self.pasts[keys[number]].values for number in missing],
                {name: rows[missing] for name, rows in self.settings.items()},
            )
            if not numbers:
                return found
            fresh = {number: found.take([place]) for place, number in enumerate(missing)}
            if (len(self._kept) + len(fresh)) * self.recipe.horizon * len(self.recipe.candidates) <= MOST_KEPT:
                self._kept.update(fresh)
        return Outlooks.join([fresh.get(number) or self._kept[number] for number in numbers])

    # -- as JSON

    def to_json(self) -> dict[str, Any]:
        recipe = self.recipe
        pasts = list(self.pasts.values())
        return {
            "kind": self.KIND,
            "columns": {
                "time": self.columns.time,
                "series": list(self.columns.series),
                "target": self.columns.target,
                "style": self.columns.style,
            },
            "calendar": self.calendar.to_json(),
            "recipe": {
                "periods": list(recipe.periods),
                "horizon": recipe.horizon,
                "longest": recipe.longest,
                "window": recipe.window,
                "candidates": [one.name for one in recipe.candidates],
            },
            "effects": self.effects.to_json(),
            "keys": [list(key) for key in self.pasts],
            "values": pack(np.concatenate([past.values for past in pasts])),
            "lengths": [len(past.values) for past in pasts],
            "ends": [past.end for past in pasts],
            "settings": {name: pack(rows) for name, rows in self.settings.items()},
            "scales": pack(np.array(self.scales, dtype=np.float64)),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        said, recipe = value["columns"], value["recipe"]
        parts = np.split(unpack(value["values"]), np.cumsum(value["lengths"])[:-1])
        keys = [tuple(key) for key in value["keys"]]
        return cls(
            columns=Columns(
                time=said["time"], series=tuple(said["series"]), target=said["target"], style=said["style"]
            ),
            calendar=Calendar.from_json(value["calendar"]),
            recipe=Recipe(
                periods=tuple(recipe["periods"]),
                horizon=recipe["horizon"],
                longest=recipe["longest"],
                window=recipe["window"],
                candidates=tuple(map(Candidate.named, recipe["candidates"])),
            ),
            effects=Effects.from_json(value["effects"]),
            pasts={key: Past(part, end) for key, part, end in zip(keys, parts, value["ends"], strict=True)},
            settings={name: unpack(rows) for name, rows in value["settings"].items()},
            scales=unpack(value["scales"]).tolist(),
        )
