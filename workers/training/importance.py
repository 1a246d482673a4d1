"""How much each column matters: how the loss grows on rows where the column is shuffled."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.features import Features
from modelyard.features.places import find_places, find_text_places
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import TextRows
from workers.training.metrics import log_loss
from workers.training.preparing import Material

MOST_ROWS, REPEATS, MOST_COLUMNS = 1000, 3, 200
Predict = Callable[[dict[str, NDArray[Any]]], NDArray[Any]]
"""From the inputs of the numeric core to its output."""


def measure_importance(material: Material, predict: Predict) -> list[dict[str, Any]]:
    """Return the columns, most important first, with the mean growth of the loss and its range over repeats."""
    random = np.random.default_rng([material.plan.seed, 8])
    part = material.parts.validation if len(material.parts.validation) else material.parts.train
    rows = np.sort(random.permutation(part)[:MOST_ROWS])
    inputs, targets = material.take(rows), material.targets[rows]
    base = _loss(material, predict(inputs), targets)
    features = material.features
    assert isinstance(features, (TableFeatures, TextRows))
    places = find_places(features) if isinstance(features, TableFeatures) else find_text_places(features)
    found = []
    for name in list(places)[:MOST_COLUMNS]:
        growths = [
            _loss(material, predict(_shuffle(inputs, places[name], random.permutation(len(rows)))), targets) - base
            for _ in range(REPEATS)
        ]
        found.append({"column": name, "value": float(np.mean(growths)), "low": min(growths), "high": max(growths)})
    return sorted(found, key=lambda item: -item["value"])


def is_one_text(features: Features) -> bool:
    """Whether there is a single text, which cannot matter more than others."""
    return isinstance(features, TextRows) and len(features.names) == 1


def name_numbers(features: TableFeatures) -> list[str]:
    """The column that each number of the numeric core's inputs is from: those of `numbers`, then those of `codes`."""
    named = {"numbers": [""] * features.number_count, "codes": [""] * len(features.code_sizes)}
    for column, places in find_places(features).items():
        for name, indexes in places.items():
            for index in indexes:
                named[name][index] = column
    return [*named["numbers"], *named["codes"]]


def _shuffle(
    inputs: dict[str, NDArray[Any]], place: dict[str, list[int]], order: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    shuffled = dict(inputs)
    for name, indexes in place.items():
        array = inputs[name].copy()
        array[:, indexes] = array[order][:, indexes]
        shuffled[name] = array
    return shuffled


def _loss(material: Material, output: NDArray[Any], targets: NDArray[Any]) -> float:
    if material.task == "classification":
        return log_loss(targets, output)
    return float(np.square(output.reshape(-1) - targets).mean())
