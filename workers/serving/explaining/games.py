"""What is explained, as games: columns of a table, pieces of texts, parts of a picture. All are asked by arrays, as the
network takes them: a row is read once, and its encoded columns are mixed with those of the background."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features.backgrounds import Background
from modelyard.features.base import Arrays
from modelyard.features.encoded_texts import EncodedTexts
from modelyard.features.images import Pixels, resize
from modelyard.features.places import Places
from modelyard.features.text_rows import TextRows
from modelyard.features.values import parse_text
from workers.serving.explaining.segments import Segment, keep_segments, split_segments
from workers.serving.explaining.shapley import USUAL_EVALUATIONS, Masks, Numbers

Ask = Callable[[Arrays], Numbers]
"""From the inputs of the network to the number that is explained, one a row."""
ABSENT = -1
FINEST, COARSE = 8, 6
"""Parts of a picture along each side: the coarse grid is for large pictures, which take long."""
USUAL_PIXELS, FEWEST_ASKED = 16_000_000, 256
BLUR = 2
MOST_PIECES, FEWEST_PIECES = 40, 4
MOST_BESIDE = 8
"""Rows of the background that columns beside a text are compared with."""
SLOWER = 4
"""How much less often a network is asked that was pre-trained to read texts."""


class TableGame:
    """The players are columns; those that are absent come from the background."""

    evaluations = USUAL_EVALUATIONS

    def __init__(self, ask: Ask, row: Arrays, background: Background, places: Places) -> None:
        self._ask = ask
        self._row = row
        self._background = background.arrays
        self.names = list(places)
        self.players, self.backgrounds = len(self.names), background.rows
        self._owners = {name: _find_owners(name, array.shape[1], places) for name, array in row.items()}

    def tell_players(self) -> list[dict[str, Any]]:
        return [{"column": name} for name in self.names]

    def value(self, present: Masks, backgrounds: NDArray[np.intp]) -> Numbers:
        return self._ask(
            {
                name: np.where(present[:, self._owners[name]], row, self._background[name][backgrounds])
                for name, row in self._row.items()
            }
        )


class TextGame:
    """The players are pieces of texts, which are left out, and the columns beside them, as in a table.

    A network that was pre-trained takes a hundred times as long: it is asked about fewer pieces, and less often.
    """

    def __init__(
        self, ask: Ask, features: TextRows, row: Mapping[str, Any], background: Background, places: Places
    ) -> None:
        self._ask = ask
        self._features = features
        slowness = SLOWER if isinstance(features, EncodedTexts) else 1
        self.evaluations = USUAL_EVALUATIONS // slowness
        most = max(FEWEST_PIECES, MOST_PIECES // math.isqrt(slowness) // len(features.texts))
        self._texts = {name: parse_text(row.get(name)) or "" for name in features.texts}
        self.pieces: list[tuple[str, Segment]] = [
            (name, piece) for name, text in self._texts.items() for piece in split_segments(text, most)
        ]
        self.names = list(places)
        self.players = len(self.pieces) + len(self.names)
        self.backgrounds = min(max(1, background.rows), MOST_BESIDE // slowness)
        self._row = features.transform([{name: row.get(name) for name in features.names}])
        self._background = background.arrays
        self._owners = {
            name: _find_owners(name, array.shape[1], places, len(self.pieces), absent=ABSENT)
            for name, array in self._row.items()
            if name in background.arrays
        }

    def tell_players(self) -> list[dict[str, Any]]:
        pieces = [
            {"column": name, "start": piece.start, "end": piece.end, "text": self._texts[name][piece.start : piece.end]}
            for name, piece in self.pieces
        ]
        return [*pieces, *({"column": name} for name in self.names)]

    def value(self, present: Masks, backgrounds: NDArray[np.intp]) -> Numbers:
        columns: dict[str, Sequence[object]] = {name: [None] * len(present) for name in self._features.names}
        for name, text in self._texts.items():
            mine = [place for place, (column, _) in enumerate(self.pieces) if column == name]
            pieces = [self.pieces[place][1] for place in mine]
            columns[name] = [keep_segments(text, pieces, kept) if pieces else "" for kept in present[:, mine].tolist()]
        arrays = self._features.transform_columns(columns)
        for name, owners in self._owners.items():
            beside = owners != ABSENT
            mixed = np.where(present[:, owners], self._row[name], self._background[name][backgrounds])
            arrays[name][:, beside] = mixed[:, beside]
        return self._ask(arrays)


class ImageGame:
    """The players are the parts of a grid over a picture; those that are absent are blurred beyond recognition."""

    def __init__(self, ask: Ask, name: str, image: Pixels) -> None:
        self._ask = ask
        self._name = name
        self._image = image
        height, width = image.shape[:2]
        self._blurred = resize(resize(image, BLUR, BLUR), height, width)
        self.evaluations = int(np.clip(USUAL_PIXELS // image.size, FEWEST_ASKED, USUAL_EVALUATIONS))
        finest = FINEST if self.evaluations >= USUAL_EVALUATIONS // 2 else COARSE
        self.rows, self.columns = min(finest, height), min(finest, width)
        down, across = np.arange(height) * self.rows // height, np.arange(width) * self.columns // width
        self._owners = down[:, None] * self.columns + across
        self.players, self.backgrounds = self.rows * self.columns, 1

    def value(self, present: Masks, backgrounds: NDArray[np.intp]) -> Numbers:
        kept = present[:, self._owners][..., None]
        return self._ask({self._name: np.where(kept, self._image, self._blurred)})


def _find_owners(array: str, width: int, places: Places, first: int = 0, absent: int = 0) -> NDArray[np.intp]:
    """Return for each number of an input array the player that it is of."""
    owners = np.full(width, absent, dtype=np.intp)
    for player, place in enumerate(places.values(), start=first):
        owners[place.get(array, [])] = player
    return owners
