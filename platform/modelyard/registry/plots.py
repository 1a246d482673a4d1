"""Plots as numbers: scales, ticks and marks, worked out here and drawn as SVG by `registry/_plot.html`.

Coordinates are text, because a template would write 0.5 as "0,5" in some languages.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.templatetags.display import number

WIDTH, HEIGHT = 520, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 52
Point = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on an axis: where, and what stands there."""

    at: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Key:
    """A line of the legend. `swatch` numbers the chart colours from 1."""

    name: str
    swatch: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve; `reference` is what to compare with. `id`, unique in the page, is for what scripts move."""

    path: str
    id: str = ""
    name: str = ""
    swatch: int = 1
    reference: bool = False


@dataclass(frozen=True, kw_only=True)
class Band:
    """A closed shape behind the curves: a range that is expected."""

    path: str
    swatch: int = 1


@dataclass(frozen=True, kw_only=True)
class Dot:
    x: str
    y: str
    words: str = ""
    swatch: int = 1


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    words: str
    swatch: int = 1


@dataclass(frozen=True, kw_only=True)
class Table:
    """The same figures for those who cannot see the plot: words first, figures after."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """Everything that the template draws. `id` is unique in the page. `across` is for what is laid over the plot."""

    id: str
    title: str
    summary: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    table: Table
    lines: Sequence[Line] = ()
    dots: Sequence[Dot] = ()
    bands: Sequence[Band] = ()
    bars: Sequence[Bar] = ()
    bar_keys: Sequence[Key] = ()
    help: str = ""
    view: str = f"0 0 {WIDTH} {HEIGHT}"
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM
    middle_x: int = (LEFT + WIDTH - RIGHT) // 2
    middle_y: int = (TOP + HEIGHT - BOTTOM) // 2
    foot: int = HEIGHT - 10
    across: "Scale | None" = None

    @property
    def legend(self) -> list[Key]:
        """What the colours mean; one alone needs no legend."""
        keys = [*self.bar_keys, *(Key(name=line.name, swatch=line.swatch) for line in self.lines if line.name)]
        return keys if len(keys) > 1 else []


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Maps `low`..`high` of the data to `start`..`end` of the picture."""

    low: float
    high: float
    start: float
    end: float
    steps: Sequence[float] = field(default=())

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self) -> list[Tick]:
        return [Tick(at=coordinate(self(step)), label=number(step)) for step in self.steps]


def x_scale(
    values: Iterable[float], *, low: float | None = None, high: float | None = None, whole: bool = False
) -> Scale:
    """A scale across the picture that holds `values`, and `low` and `high` where given; `whole` for what is counted."""
    return _scale(values, (low, high), (LEFT, WIDTH - RIGHT), whole=whole)


def y_scale(
    values: Iterable[float], *, low: float | None = None, high: float | None = None, whole: bool = False
) -> Scale:
    """A scale up the picture that holds `values`, and `low` and `high` where given; `whole` for what is counted."""
    return _scale(values, (low, high), (HEIGHT - BOTTOM, TOP), whole=whole)


def path_of(points: Iterable[Point], across: Scale, up: Scale) -> str:
    """The `d` of an SVG path through `points`."""
    return " ".join(
        f"{'L' if index else 'M'}{coordinate(across(x))} {coordinate(up(y))}" for index, (x, y) in enumerate(points)
    )


def columns_of(
    bars: Sequence[tuple[float, float, float, str]], across: Scale, up: Scale, *, swatch: int = 1
) -> list[Bar]:
    """Upright bars on the base line from (low, high, height, words)."""
    base = up(max(0.0, up.low))
    drawn = []
    for low, high, height, words in bars:
        left, right, top = across(low), across(high), up(height)
        gap = min(2.0, (right - left) * 0.2)
        drawn.append(
            Bar(
                x=coordinate(left + gap / 2),
                y=coordinate(top),
                width=coordinate(max(right - left - gap, 0.5)),
                height=coordinate(max(base - top, 0.0)),
                words=words,
                swatch=swatch,
            )
        )
    return drawn


def coordinate(value: float) -> str:
    """A number as SVG wants it, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def points_in(pairs: Iterable[Sequence[Any]]) -> list[Point]:
    """The pairs of a report whose two numbers are known."""
    return [(float(pair[0]), float(pair[1])) for pair in pairs if pair[0] is not None and pair[1] is not None]


def figures_in(rows: Iterable[Mapping[str, Any]], name: str, along: str) -> list[Point]:
    """(`along`, `name`) of the rows that have both."""
    return points_in((row.get(along), row.get(name)) for row in rows)


def round_steps(low: float, high: float, count: int = 5, *, whole: bool = False) -> list[float]:
    """About `count` round numbers that enclose `low`..`high`; whole ones where asked for."""
    if not low < high:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _scale(
    values: Iterable[float],
    ends: tuple[float | None, float | None],
    place: tuple[float, float],
    *,
    whole: bool,
) -> Scale:
    held = [*values, *(end for end in ends if end is not None)] or [0.0, 1.0]
    steps = round_steps(min(held), max(held), whole=whole)
    return Scale(low=steps[0], high=steps[-1], start=place[0], end=place[1], steps=steps)
