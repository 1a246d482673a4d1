"""What explanations of single predictions need later: `background.json`, mixed from the rows that were learned from."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modelyard.features.anomalies import AnomalyDecoder
from modelyard.features.backgrounds import Background, mix_background, places_of
from modelyard.features.base import Arrays
from workers.training.preparing import Material

MOST_ROWS = 2000
DRAWS = 20


def make_background(material: Material, ask: Callable[[Arrays], Arrays]) -> Background:
    """Of several draws keep the one whose answers are on average nearest to those for the rows of training: its mean is
    what explanations start from."""
    places = places_of(material.features)
    if not places:
        return Background({})
    random = np.random.default_rng([material.plan.seed, 12])
    rows = np.sort(random.permutation(material.learnable)[:MOST_ROWS])
    inputs = material.take(rows)
    draws = [mix_background(inputs, places, random) for _ in range(DRAWS)]
    if not draws[0].rows:
        return draws[0]
    wanted = _mean_answer(material, ask(inputs))
    distances = []
    for draw in draws:
        filler = {name: np.zeros((draw.rows, *array.shape[1:]), array.dtype) for name, array in inputs.items()}
        answer = _mean_answer(material, ask({**filler, **draw.arrays}))
        distances.append(float(np.abs(answer - wanted).sum()))
    return draws[int(np.argmin(distances))]


def _mean_answer(material: Material, outputs: Arrays) -> NDArray[np.float64]:
    if isinstance(material.decoder, AnomalyDecoder):
        return material.decoder.errors(outputs).mean(keepdims=True)
    mean: NDArray[np.float64] = next(iter(outputs.values())).astype(np.float64).mean(axis=0)
    return mean
