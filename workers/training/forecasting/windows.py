"""Windows of the past with what came after them: what the network learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelyard.features.series.outlooks import Recipe
from modelyard.features.series.smoothing import Floats

LARGEST = 20.0
"""Scaled values beyond which a target is cut: a single one would drown all others."""


@dataclass(frozen=True)
class Windows:
    """`past` (windows, steps) and `future` (windows, horizon), scaled as in `outlooks`."""

    past: NDArray[np.float32]
    future: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.past)

    def thin(self, most: int) -> "Windows":
        step = -(-len(self) // most) if len(self) else 1
        return Windows(self.past[::step], self.future[::step])


def cut_windows(recipe: Recipe, pasts: Sequence[Floats], hidden: int, most: int) -> Windows:
    """Return at most about `most` windows of all series; the last `hidden` steps of each are not looked at."""
    starts = [max(0, len(line) - hidden - recipe.horizon - _fewest(recipe) + 1) for line in pasts]
    every = max(1, -(-sum(starts) // most))
    parts = [
        _cut_one(recipe, line[: len(line) - hidden], every, place % every)
        for place, line in enumerate(pasts)
        if len(line) - hidden >= recipe.horizon + _fewest(recipe)
    ]
    kept = [part for part in parts if part is not None and len(part)]
    if not kept:
        return Windows(np.zeros((0, recipe.window), np.float32), np.zeros((0, recipe.horizon), np.float32))
    return Windows(np.concatenate([part.past for part in kept]), np.concatenate([part.future for part in kept]))


def _fewest(recipe: Recipe) -> int:
    """The steps that must be known before a window ends."""
    return max(recipe.window, recipe.periods[0] + 2)


def _cut_one(recipe: Recipe, line: Floats, every: int, offset: int) -> Windows | None:
    period, fewest = recipe.periods[0], _fewest(recipe)
    ends = np.arange(len(line) - recipe.horizon, fewest - 1, -1)[offset::every]
    if not len(ends):
        return None
    sums = np.concatenate([[0.0], np.cumsum(line)])
    centre = (sums[ends] - sums[ends - period]) / period
    changes = np.concatenate([[0.0], np.cumsum(np.abs(line[period:] - line[:-period]))])
    begin = np.maximum(0, ends - (10 * period + 30))
    scale = (changes[ends - period] - changes[begin]) / np.maximum(1, ends - period - begin)
    usable = scale > 1e-9 * max(1e-9, float(np.abs(line).max()))
    ends, centre, scale = ends[usable], centre[usable], scale[usable]
    past = line[ends[:, None] + np.arange(-recipe.window, 0)]
    future = line[ends[:, None] + np.arange(recipe.horizon)]
    return Windows(
        ((past - centre[:, None]) / scale[:, None]).astype(np.float32),
        np.clip((future - centre[:, None]) / scale[:, None], -LARGEST, LARGEST).astype(np.float32),
    )
