"""What columns with a known future add to a series: learned from how a value differs from that of the season before."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import BadValue
from modelyard.features.series.effects import Effects, Known
from modelyard.features.series.outlooks import measure
from modelyard.features.series.smoothing import Floats
from modelyard.features.values import detect_number_style, parse_category, parse_flag, parse_number
from workers.training.forecasting.panel import Panel

MOST_LEVELS = 30
RIDGE = 3.0
FARTHEST = 6.0
"""Scaled differences beyond which a value says nothing of the columns: an outlier."""


def fit_effects(
    panel: Panel, kinds: Mapping[str, str], values: Sequence[Floats], period: int, hidden: int
) -> tuple[Effects, list[Floats]]:
    """Return the effects and, for each series, the numbers of its known columns, shape (steps, numbers).

    `values` are without gaps; the last `hidden` steps of each series are not looked at.
    """
    names = list(panel.known)
    if not names:
        return Effects(), [np.zeros((len(line), 0)) for line in values]
    columns = tuple(_describe(name, kinds[name], panel.known[name]) for name in names)
    encoded = [
        np.concatenate([_encode(column, panel.known[column.name][place]) for column in columns], axis=1)
        for place in range(len(values))
    ]
    weights = _solve(values, encoded, period, hidden)
    return Effects(columns=columns, weights=tuple(weights.tolist())), encoded


def _describe(name: str, kind: str, texts: Sequence[NDArray[np.object_]]) -> Known:
    flat = [text for line in texts for text in line.tolist() if text is not None]
    if kind == "number":
        style = detect_number_style(flat)
        counts = Counter(flat)
        pairs = [
            (number, count) for number, count in ((_number(t, style), c) for t, c in counts.items()) if number == number
        ]
        numbers = np.repeat([number for number, _ in pairs], [count for _, count in pairs]) if pairs else np.zeros(1)
        scale = float(numbers.std()) or 1.0
        return Known(name=name, kind="number", style=style, centre=(float(numbers.mean()),), scale=scale)
    if kind == "flag":
        flags = [flag for flag in map(_flag, flat) if flag == flag] or [0.0]
        return Known(name=name, kind="flag", centre=(float(np.mean(flags)),))
    levels = Counter(filter(None, map(parse_category, flat)))
    frequent = [level for level, _ in levels.most_common(MOST_LEVELS)]
    total = max(1, sum(levels.values()))
    centre = tuple(levels[level] / total for level in frequent) or (0.0,)
    return Known(name=name, kind="category", centre=centre, levels=tuple(frequent) or ("",))


def _number(text: str, style: str) -> float:
    try:
        return parse_number(text, "comma" if style == "comma" else "point")
    except BadValue:
        return float("nan")


def _flag(text: str) -> float:
    try:
        return parse_flag(text)
    except BadValue:
        return float("nan")


def _encode(column: Known, texts: NDArray[np.object_]) -> Floats:
    """Encode every distinct text once."""
    seen: dict[str | None, Floats] = {}
    rows = []
    for text in texts.tolist():
        if text not in seen:
            try:
                seen[text] = column.encode(text)
            except BadValue:
                seen[text] = np.zeros(column.width)
        rows.append(seen[text])
    return np.array(rows).reshape(len(rows), column.width)


def _solve(values: Sequence[Floats], encoded: Sequence[Floats], period: int, hidden: int) -> Floats:
    """Ridge regression of the differences to the season before, each series in its own scale."""
    width = encoded[0].shape[1]
    squares, products = RIDGE * np.eye(width), np.zeros(width)
    for line, numbers in zip(values, encoded, strict=True):
        kept = len(line) - hidden
        if kept < period + 2:
            continue
        scale = measure(line[None, :kept], period)[1][0]
        changes = (line[period:kept] - line[: kept - period]) / scale
        moved = numbers[period:kept] - numbers[: kept - period]
        usual = np.abs(changes - np.median(changes)) < FARTHEST
        centred = changes[usual] - changes[usual].mean() if usual.any() else changes[usual]
        squares += moved[usual].T @ moved[usual]
        products += moved[usual].T @ centred
    return np.linalg.solve(squares, products).astype(np.float64)
