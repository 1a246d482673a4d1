"""One class for each way in which a column of a table becomes numbers.

A column writes its `width` numbers for each row into a block of a matrix (NaN = missing); `TableFeatures` scales them.
`CodedColumn` is the exception: it gives a whole number that the network looks up in a table of its own.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.base import BadValue
from modelyard.features.values import (
    DateOrder,
    NumberStyle,
    parse_category,
    parse_date,
    parse_flag,
    parse_number,
)

Values = Sequence[object] | NDArray[Any]
Matrix = NDArray[np.float64]

DAY = 86_400.0
MOST_ONE_HOT = 8
"""Categories with more levels than this are looked up in an embedding."""


def list_values(values: Values) -> Sequence[object]:
    """Return values as parsers take them: Python's own kinds, texts decoded. Raises `BadValue` for bytes that are no
    text in UTF-8."""
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind == "f" and values.dtype.itemsize < 8:
        values = values.astype(str).astype(np.float64)  # 0.1 stays 0.1, as a level of a category may say
    if values.dtype.kind != "O":
        return list(values.tolist())
    try:
        return [value.decode() if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError:
        raise BadValue("must be a text in UTF-8, got other bytes") from None


class Column(Protocol):
    """A fitted column. `scaled` tells of each of its numbers whether it is still to be centred and scaled."""

    USE: str
    name: str
    width: int
    scaled: tuple[bool, ...]

    def write(self, values: Values, block: Matrix) -> None:
        """Fill `block`, shape (rows, width). Raises `BadValue`."""
        ...

    def to_json(self) -> dict[str, Any]: ...


class NumberColumn:
    """A number as it is."""

    USE = "number"
    width = 1
    scaled: tuple[bool, ...] = (True,)

    def __init__(self, name: str, style: NumberStyle = "point") -> None:
        self.name = name
        self.style = style

    def write(self, values: Values, block: Matrix) -> None:
        style = self.style
        block[:, 0] = [parse_number(value, style) for value in values]

    def to_json(self) -> dict[str, Any]:
        return {"use": self.USE, "name": self.name, "style": self.style}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"], value["style"])


class FlagColumn:
    """Yes is 1, no is -1, missing 0."""

    USE = "flag"
    width = 1
    scaled: tuple[bool, ...] = (False,)

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, values: Values, block: Matrix) -> None:
        block[:, 0] = [parse_flag(value) for value in values]
        block[:, 0] = block[:, 0] * 2 - 1

    def to_json(self) -> dict[str, Any]:
        return {"use": self.USE, "name": self.name}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"])


class Levels:
    """The levels of a category by text, 1 upwards; 0 is missing, rare or never seen."""

    def __init__(self, levels: Sequence[str]) -> None:
        self.levels = tuple(levels)
        self._codes: dict[object, int] = {level: code for code, level in enumerate(self.levels, start=1)}

    def __len__(self) -> int:
        return len(self.levels)

    def find(self, value: object) -> int:
        if type(value) is str:
            code = self._codes.get(value)
            if code is not None:
                return code
        text = parse_category(value)
        if text is None:
            return 0
        code = self._codes.get(text)
        if code is None and isinstance(value, (bool, float)):
            code = self._codes.get(str(value))
        return code or 0


class CategoryColumn:
    """A category of few levels: one number for each, 1 where it is that level. Two levels make a single number, -1 or
    1. Where the levels have an order, `ranks`, one more number says where in it, from -1 to 1."""

    USE = "category"

    def __init__(self, name: str, levels: Sequence[str], ranks: Sequence[int] = ()) -> None:
        self.name = name
        self.levels = Levels(levels)
        self.ranks = tuple(ranks)
        self.width = 1 if len(levels) == 2 else len(levels) + bool(ranks)
        self.scaled = (False,) * self.width
        self.rows = np.zeros((len(levels) + 1, self.width))
        if self.width == 1 and len(levels) == 2:
            self.rows[:, 0] = (0.0, -1.0, 1.0)
        else:
            self.rows[1:, : len(levels)] = np.eye(len(levels))
        if ranks:
            self.rows[1:, -1] = 2.0 * np.array(ranks) / max(ranks) - 1.0

    def write(self, values: Values, block: Matrix) -> None:
        find = self.levels.find
        block[:] = self.rows[[find(value) for value in values]]

    def to_json(self) -> dict[str, Any]:
        return {"use": self.USE, "name": self.name, "levels": list(self.levels.levels), "ranks": list(self.ranks)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"], value["levels"], value.get("ranks", ()))


class CodedColumn:
    """A category of many levels: its code, for an embedding."""

    USE = "coded"
    width = 0
    scaled: tuple[bool, ...] = ()

    def __init__(self, name: str, levels: Sequence[str]) -> None:
        self.name = name
        self.levels = Levels(levels)

    def write(self, values: Values, block: Matrix) -> None:
        """Nothing goes into the matrix of numbers."""

    def codes(self, values: Values) -> list[int]:
        find = self.levels.find
        return [find(value) for value in values]

    def to_json(self) -> dict[str, Any]:
        return {"use": self.USE, "name": self.name, "levels": list(self.levels.levels)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"], value["levels"])


def _waves(phase: Matrix) -> list[Matrix]:
    return [np.sin(2 * np.pi * phase), np.cos(2 * np.pi * phase)]


def _is(number: Matrix, choices: range) -> list[Matrix]:
    return [np.where(np.isnan(number), np.nan, number == choice).astype(np.float64) for choice in choices]


def calendar(seconds: Matrix) -> dict[str, Matrix]:
    """The parts of moments in UTC. Plain arithmetic (Howard Hinnant's civil_from_days), so that a network can do the
    same."""
    days = np.floor(seconds / DAY)
    shifted = days + 719_468
    era = np.floor(shifted / 146_097)
    day_of_era = shifted - era * 146_097
    year_of_era = np.floor(
        (day_of_era - np.floor(day_of_era / 1460) + np.floor(day_of_era / 36_524) - np.floor(day_of_era / 146_096))
        / 365
    )
    day_of_year = day_of_era - (365 * year_of_era + np.floor(year_of_era / 4) - np.floor(year_of_era / 100))
    shifted_month = np.floor((5 * day_of_year + 2) / 153)
    month = shifted_month + np.where(shifted_month < 10, 3, -9)
    hours = (seconds - days * DAY) / 3600
    return {
        "days": seconds / DAY,
        "year": year_of_era + era * 400 + (month <= 2),
        "month": month,
        "day": day_of_year - np.floor((153 * shifted_month + 2) / 5) + 1,
        "weekday": days + 3 - 7 * np.floor((days + 3) / 7),
        "hour": np.floor(hours),
        "hours": hours,
    }


@dataclass(frozen=True)
class _Part:
    """What becomes of one aspect of a date: how many numbers, whether they are to be scaled, how they are computed."""

    width: int
    scaled: bool
    compute: Callable[[dict[str, Matrix]], list[Matrix]]


DATE_PARTS = {
    "days": _Part(1, True, lambda parts: [parts["days"]]),
    "year": _Part(1, True, lambda parts: [parts["year"]]),
    "season": _Part(2, False, lambda parts: _waves((parts["month"] - 1 + (parts["day"] - 1) / 31) / 12)),
    "day": _Part(1, True, lambda parts: [parts["day"]]),
    "weekday": _Part(7, False, lambda parts: _is(parts["weekday"], range(7))),
    "clock": _Part(2, False, lambda parts: _waves(parts["hours"] / 24)),
    "hour": _Part(24, False, lambda parts: _is(parts["hour"], range(24))),
}


class DateColumn:
    """A date or moment: days since 1970 and those of its calendar parts that vary in training."""

    USE = "date"

    def __init__(self, name: str, parts: Sequence[str], order: DateOrder = "month") -> None:
        self.name = name
        self.parts = tuple(parts)
        self.order = order
        chosen = [DATE_PARTS[part] for part in self.parts]
        self.scaled = tuple(part.scaled for part in chosen for _ in range(part.width))
        self.width = len(self.scaled)
        self._compute = [part.compute for part in chosen]

    def write(self, values: Values, block: Matrix) -> None:
        order = self.order
        parts = calendar(np.array([parse_date(value, order) for value in values], dtype=np.float64))
        numbers = [number for compute in self._compute for number in compute(parts)]
        block[:] = np.stack(numbers, axis=1)

    @classmethod
    def fit(cls, name: str, seconds: Matrix, order: DateOrder) -> Self:
        """Keep the parts that are not the same in every row; where all are, one part, for gaps may still tell."""
        parts = calendar(seconds[~np.isnan(seconds)])
        varying = [
            part
            for part, definition in DATE_PARTS.items()
            if any(len(numbers) and np.ptp(numbers) > 1e-9 for numbers in definition.compute(parts))
        ]
        return cls(name, varying or ["days"], order)

    def to_json(self) -> dict[str, Any]:
        return {"use": self.USE, "name": self.name, "parts": list(self.parts), "order": self.order}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"], value["parts"], value["order"])


_PUNCTUATION = re.compile(r"[!\"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']")
_WORD = re.compile(r"[^ \t\n\v\f\r]+")
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_UNSPACED = re.compile(r"[぀-ヿ㐀-鿿가-힯]")


def split_words(text: str, characters: bool) -> list[str]:
    """Words (or single characters, for scripts without spaces) as Keras's `TextVectorization` splits them by
    default."""
    text = _PUNCTUATION.sub("", text.translate(_LOWER))
    if characters:
        return list(text)
    return _WORD.findall(text)


def is_unspaced(texts: Sequence[str]) -> bool:
    """Whether most of the letters belong to scripts that put no spaces between words (Chinese, Japanese, Korean)."""
    joined = "".join(texts[:200])
    return bool(joined) and len(_UNSPACED.findall(joined)) > 0.2 * len(joined)


class TextColumn:
    """A free text: one number for each of its frequent words, and its length."""

    USE = "text"
    MOST_WORDS = 200

    def __init__(self, name: str, words: Sequence[str], characters: bool) -> None:
        self.name = name
        self.words = tuple(words)
        self.characters = characters
        self.width = len(self.words) + 1
        self.scaled = (False,) * self.width
        self._places = {word: place for place, word in enumerate(self.words)}

    def write(self, values: Values, block: Matrix) -> None:
        block[:] = 0.0
        for row, value in enumerate(values):
            text = parse_category(value)
            if text is None:
                continue
            found = split_words(text, self.characters)
            places = {self._places[word] for word in found if word in self._places}
            block[row, list(places)] = 1.0
            block[row, -1] = math.log1p(len(found)) / 4

    @classmethod
    def fit(cls, name: str, texts: Sequence[str]) -> Self:
        """Choose the words that enough texts hold, the most frequent first."""
        characters = is_unspaced(texts)
        counts = Counter(word for text in texts for word in set(split_words(text, characters)))
        fewest = max(3, round(0.003 * len(texts)))
        frequent = [(word, count) for word, count in counts.items() if fewest <= count < len(texts) and word]
        frequent.sort(key=lambda item: (-item[1], item[0]))
        return cls(name, [word for word, _ in frequent[: cls.MOST_WORDS]], characters)

    def to_json(self) -> dict[str, Any]:
        return {"use": self.USE, "name": self.name, "words": list(self.words), "characters": self.characters}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["name"], value["words"], value["characters"])


_USES: dict[str, Callable[[Mapping[str, Any]], Column]] = {
    NumberColumn.USE: NumberColumn.from_json,
    FlagColumn.USE: FlagColumn.from_json,
    CategoryColumn.USE: CategoryColumn.from_json,
    CodedColumn.USE: CodedColumn.from_json,
    DateColumn.USE: DateColumn.from_json,
    TextColumn.USE: TextColumn.from_json,
}


def load_column(value: Mapping[str, Any]) -> Column:
    """Return the column that `to_json` described."""
    return _USES[value["use"]](value)
