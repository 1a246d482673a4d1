"""Explains rows by a model and its background."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.features.anomalies import AnomalyDecoder
from modelyard.features.backgrounds import Background, places_of
from modelyard.features.base import Arrays
from modelyard.features.decoder import ClassDecoder
from modelyard.features.images import ImageFeatures
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import TextRows
from workers.serving.call import Explained
from workers.serving.explaining.games import Ask, ImageGame, TableGame, TextGame
from workers.serving.explaining.shapley import Shares, count_evaluations, share_out
from workers.serving.models.loaded import Columns, LoadedModel, Predictions

CHUNK_SECONDS = 0.004
FEWEST_AT_ONCE, MOST_AT_ONCE = 1, 256
MOST_NUMBERS_AT_ONCE = 4_000_000
AnyGame = TableGame | TextGame | ImageGame


class NoBackground(Exception):
    """The version was trained before explanations were offered, or its background cannot be read; the message says."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A call to be explained: its predictions, and for each row the game and the label whose probability it is about.

    `seconds` is about how long it takes when nothing else is to be done, `chunk` how many evaluations at a time.
    """

    predictions: Predictions
    games: list[tuple[str | None, AnyGame]]
    seconds: float
    chunk: int

    def compute(self) -> Generator[None, None, bytes]:
        """Stop after every few milliseconds of work; end with the body of the answer."""
        told = []
        for label, game in self.games:
            shares = yield from share_out(game, self.chunk)
            told.append(orjson.dumps(_tell(label, game, shares)))
        return b'{"predictions":[%b],"explanations":[%b]}' % (self.predictions.rows_text, b",".join(told))


class Explainer:
    """Explains the answers of a model that is in memory."""

    def __init__(self, model: LoadedModel, background: Background) -> None:
        self._model = model
        self._places = places_of(model.features)
        self._background = background

    def begin(self, rows: Sequence[Any], columns: Columns | None, wanted: Explained) -> Task:
        """Read and predict rows, or columns where those came. Raises `RowProblem` or `NotFinite`."""
        features = self._model.features
        arrays = features.transform(rows) if columns is None else features.transform_columns(columns)
        predictions = self._model.compute(arrays)
        games = []
        for index in range(len(predictions)):
            raw = rows[index] if columns is None else {name: values[index] for name, values in columns.items()}
            mine = {name: array[index : index + 1] for name, array in arrays.items()}
            label, ask = self._choose(predictions[index], wanted)
            games.append((label, self._make_game(ask, mine, raw)))
        width = sum(array[0].size for array in arrays.values())
        seconds = sum(count_evaluations(game) for _, game in games) * self._model.seconds_a_row
        return Task(predictions=predictions, games=games, seconds=seconds, chunk=self._chunk(width))

    def _choose(self, prediction: dict[str, Any], wanted: Explained) -> tuple[str | None, Ask]:
        """Return what number of the answer is explained: of a class its probability, of an anomaly its score."""
        model, decoder = self._model, self._model.decoder
        if isinstance(decoder, ClassDecoder):
            label = wanted.label if wanted.label is not None else str(prediction["label"])
            name, place = decoder.OUTPUT, decoder.labels.index(label)
            return label, lambda arrays: model.run(arrays)[name][:, place].astype(np.float64)
        part = "score" if isinstance(decoder, AnomalyDecoder) else "value"
        return None, lambda arrays: decoder.arrays(model.run(arrays))[part]

    def _make_game(self, ask: Ask, arrays: Arrays, raw: Any) -> AnyGame:
        features = self._model.features
        if isinstance(features, ImageFeatures):
            return ImageGame(ask, features.NAME, arrays[features.NAME][0])
        if isinstance(features, TextRows):
            named = raw if isinstance(raw, dict) else {features.names[0]: raw}
            return TextGame(ask, features, named, self._background, self._places)
        return TableGame(ask, arrays, self._background, self._places)

    def _chunk(self, width: int) -> int:
        """How many evaluations take a few milliseconds and not too much memory."""
        affordable = max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, MOST_NUMBERS_AT_ONCE // width))
        return int(np.clip(CHUNK_SECONDS / max(self._model.seconds_a_row, 1e-9), FEWEST_AT_ONCE, affordable))


def read_background(model: LoadedModel, folder: Path, sha256: str) -> Background:
    """Return what a model's answers are compared with. Raises `NoBackground`."""
    if not places_of(model.features):
        return Background({})
    background = _read(folder, sha256)
    if isinstance(model.features, TableFeatures) and not background.rows:
        raise NoBackground("the background of this version is empty; train it again to have explanations")
    return background


def _read(folder: Path, sha256: str) -> Background:
    path = folder / artifact.BACKGROUND
    if not path.is_file():
        raise NoBackground("this version was trained before explanations were offered; train it again to have them")
    try:
        artifact.verify(folder, sha256, only=artifact.BACKGROUND)
        return Background.from_json(read_json(path))
    except (artifact.DamagedArtifact, OSError, ValueError, KeyError, TypeError) as fault:
        raise NoBackground(f"the background of this version cannot be read: {fault}") from fault


def _tell(label: str | None, game: AnyGame, shares: Shares) -> dict[str, Any]:
    """Columns and pieces of text, those that count most first; the parts of a picture as they lie."""
    told: dict[str, Any] = {"label": label} if label is not None else {}
    told |= {"base": shares.base, "prediction": shares.answer}
    if isinstance(game, ImageGame):
        grid = {"contributions": shares.values, "standard_errors": shares.errors}
        size = (game.rows, game.columns)
        return {**told, "grid": {name: numbers.reshape(size).tolist() for name, numbers in grid.items()}}
    entries = [
        {**player, "contribution": value, "standard_error": error}
        for player, value, error in zip(
            game.tell_players(), shares.values.tolist(), shares.errors.tolist(), strict=True
        )
    ]
    return {**told, "contributions": sorted(entries, key=lambda entry: -abs(entry["contribution"]))}
