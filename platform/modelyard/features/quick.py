"""A few rows of a table at a time, without what NumPy costs a call: most calls of a predictor have one row.

The numbers are those of `TableFeatures`, to the last bit: the same operations in the same order and precision.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.columns import CategoryColumn, CodedColumn, Column, FlagColumn, Levels, NumberColumn
from modelyard.features.values import NumberStyle, parse_flag, parse_number

Line = list[float]
MOST_NUMBERS = 64
"""Numbers of a call above which NumPy is faster."""


class _Number(NamedTuple):
    name: str
    place: int
    centre: float
    scale: float
    style: NumberStyle
    gap: int


class _Flag(NamedTuple):
    name: str
    place: int
    gap: int


class _Category(NamedTuple):
    name: str
    place: slice
    levels: Levels
    lines: list[Line]


class QuickRows:
    """Compiled from fitted columns of numbers, flags and categories; `compile` gives None where others are among them.

    `gap` is the place of the number that says "missing", -1 where there is none.
    """

    def __init__(self, width: int, largest: float) -> None:
        self._width = width
        self._largest = largest
        self._numbers: list[_Number] = []
        self._flags: list[_Flag] = []
        self._categories: list[_Category] = []
        self._coded: list[tuple[str, Levels]] = []

    @classmethod
    def compile(
        cls,
        columns: Sequence[Column],
        centre: NDArray[np.float64],
        scale: NDArray[np.float64],
        indicators: Sequence[int],
        largest: float,
    ) -> Self | None:
        width = len(centre)
        quick = cls(width + len(indicators), largest)
        gaps = {place: width + index for index, place in enumerate(indicators)}
        place = 0
        for column in columns:
            gap = gaps.get(place, -1)
            if isinstance(column, NumberColumn):
                numbers = float(centre[place]), float(scale[place])
                quick._numbers.append(_Number(column.name, place, *numbers, column.style, gap))
            elif isinstance(column, FlagColumn):
                quick._flags.append(_Flag(column.name, place, gap))
            elif isinstance(column, CategoryColumn):
                lines = [[bend(number) for number in row] for row in column.rows.tolist()]
                span = slice(place, place + column.width)
                quick._categories.append(_Category(column.name, span, column.levels, lines))
            elif isinstance(column, CodedColumn):
                quick._coded.append((column.name, column.levels))
            else:
                return None
            place += column.width
        return quick

    def takes(self, rows: int) -> bool:
        return 0 < rows * self._width <= MOST_NUMBERS

    def read(self, rows: Sequence[Any]) -> tuple[list[Line], list[list[int]]]:
        """Return the numbers and the codes of each row. Raises whatever a bad row raises; which one is not told."""
        lines = [[0.0] * self._width for _ in rows]
        for row, line in zip(rows, lines, strict=True):
            self._write_numbers(row, line)
        if self._flags or self._categories:
            for row, line in zip(rows, lines, strict=True):
                self._write_others(row, line)
        if not self._coded:
            return lines, []
        return lines, [[levels.find(row[name]) for name, levels in self._coded] for row in rows]

    def _write_numbers(self, row: Mapping[str, Any], line: Line) -> None:
        largest = self._largest
        for name, place, centre, scale, style, gap in self._numbers:
            value = row[name]
            if type(value) is not float:
                value = float(value) if type(value) is int else parse_number(value, style)
            scaled = (value - centre) * scale
            if not -largest <= scaled <= largest:
                if value - value != 0.0:
                    if gap >= 0:
                        line[gap] = 1.0
                    continue
                scaled = largest if scaled > 0 else -largest
            third = scaled / 3.0
            line[place] = scaled / sqrt(1.0 + third * third)

    def _write_others(self, row: Mapping[str, Any], line: Line) -> None:
        for name, place, gap in self._flags:
            flag = parse_flag(row[name])
            if flag == flag:
                line[place] = bend(flag * 2 - 1)
            elif gap >= 0:
                line[gap] = 1.0
        for name, span, levels, lines in self._categories:
            line[span] = lines[levels.find(row[name])]


def bend(number: float) -> float:
    """Bring a centred and scaled number smoothly between -3 and 3."""
    third = number / 3.0
    return number / sqrt(1.0 + third * third)
