"""The background of a model: a few rows that stand for those of training, with which explanations compare a prediction;
`background.json` in an artifact.

No row of it is a row of the data. The rows of training are parted into groups of alike ones, ten in each or more, and
every column of a background row is that of another random member of its group. So the values of a column are spread as
in training and go together as in a group, and nobody's row is kept.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import Arrays, Features
from modelyard.features.places import Places, find_places, find_places_beside
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import TextRows

FORM = 1
MOST_ROWS, FEWEST_ROWS = 32, 4
USUAL_EVALUATIONS = 8192
"""Of the network for one explanation; the more columns there are, the fewer rows the background has."""
FEWEST_MEMBERS = 10
KINDS = {"numbers": np.float32, "codes": np.int32}


class Background:
    """Rows of the inputs of the numeric core, as far as columns of a table are in them; none for texts and images
    alone."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays

    @property
    def rows(self) -> int:
        return len(next(iter(self.arrays.values()))) if self.arrays else 0

    def to_json(self) -> dict[str, Any]:
        return {"form": FORM, "arrays": {name: array.tolist() for name, array in self.arrays.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Raises `ValueError` for a form that this release does not know."""
        if value.get("form") != FORM:
            raise ValueError(f"the background is of form {value.get('form')!r}; this release knows {FORM}")
        return cls({name: np.array(rows, dtype=KINDS[name]) for name, rows in value["arrays"].items()})


def places_of(features: Features) -> Places:
    """Where the columns of a table are in the inputs of the numeric core; of texts, the columns beside them."""
    if isinstance(features, TableFeatures):
        return find_places(features)
    return find_places_beside(features) if isinstance(features, TextRows) else {}


def count_rows(columns: int) -> int:
    """How many rows a background has for so many columns, each explained by four walks from each row."""
    return int(np.clip(USUAL_EVALUATIONS // max(1, 4 * columns), FEWEST_ROWS, MOST_ROWS))


def mix_background(inputs: Arrays, places: Places, random: np.random.Generator) -> Background:
    """Mix a background from rows of training; `inputs` has at least one."""
    used = {name for place in places.values() for name in place}
    arrays = {name: inputs[name] for name in KINDS if name in used and name in inputs}
    if not arrays:
        return Background({})
    groups = _part(arrays)
    chosen = [groups[index % len(groups)] for index in random.permutation(count_rows(len(places)))]
    mixed = {name: np.zeros((len(chosen), array.shape[1]), array.dtype) for name, array in arrays.items()}
    for place in places.values():
        members = np.array([random.choice(group) for group in chosen])
        for name, indexes in place.items():
            mixed[name][:, indexes] = arrays[name][members][:, indexes]
    return Background(mixed)


def _part(arrays: Arrays) -> list[NDArray[np.int64]]:
    """Halve the rows again and again, at the median of the number that spreads most, into groups of alike ones."""
    points = arrays.get("numbers", arrays.get("codes"))
    assert points is not None
    groups = [np.arange(len(points))]
    while len(groups) < MOST_ROWS and min(map(len, groups)) >= 2 * FEWEST_MEMBERS:
        groups = [half for group in groups for half in _halve(points, group)]
    return groups


def _halve(points: NDArray[Any], group: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    widest = int(np.argmax(points[group].astype(np.float64).var(axis=0)))
    ordered = group[np.argsort(points[group, widest], kind="stable")]
    return ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]
