"""The grams and tokens of one text column that training saw often enough, and their numbers."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from modelyard.features.grams import count_grams, is_unspaced, list_pieces, list_runs

FEWEST_TEXTS = 2
"""A gram in fewer texts than this says nothing of texts to come."""
MOST_GRAMS = 100_000
MOST_TOKENS = 20_000
PADDING, UNKNOWN = 0, 1
_MOST_REMEMBERED = 50_000
_LOGARITHMS = np.concatenate([[0.0], 1.0 + np.log(np.arange(1, 10_001))])


class Grams:
    """Numbers the grams from 1 (0 fills up), and weighs them by how rare they are."""

    def __init__(self, grams: Sequence[str], rarity: NDArray[np.float64]) -> None:
        self.grams = tuple(grams)
        self.rarity = rarity
        self._numbers = {gram: number for number, gram in enumerate(self.grams, start=1)}
        self._by_number = np.concatenate([[0.0], rarity])
        self._remembered: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self.grams)

    @classmethod
    def fit(cls, texts: Sequence[Sequence[str]], most: int) -> Self:
        """Keep the `most` most frequent grams of texts given as tokens."""
        counts = count_grams(texts)
        frequent = [(gram, count) for gram, count in counts.items() if count >= FEWEST_TEXTS]
        frequent.sort(key=lambda item: (-item[1], item[0]))
        frequent = frequent[:most]
        rarity = [round(math.log((1 + len(texts)) / (1 + count)) + 1.0, 6) for _, count in frequent]
        return cls([gram for gram, _ in frequent], np.array(rarity, dtype=np.float64))

    def find(self, tokens: Sequence[str]) -> list[int]:
        """Return the numbers of the known grams, each as often as it occurs."""
        remembered, numbers = self._remembered, self._numbers
        found: list[int] = []
        for token in tokens:
            known = remembered.get(token)
            found += self._look_up(token) if known is None else known
        found += [numbers[run] for run in list_runs(tokens) if run in numbers]
        return found

    def _look_up(self, token: str) -> tuple[int, ...]:
        """Find the pieces of a token and remember them: most texts are made of the same words."""
        known = tuple(self._numbers[piece] for piece in list_pieces(token) if piece in self._numbers)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[token] = known
        return known

    def weigh(self, tokens: Sequence[str], most: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the numbers of the `most` weightiest grams, each once, and their weights: a vector of length 1."""
        counted = Counter(self.find(tokens))
        numbers = np.fromiter(counted.keys(), dtype=np.int32, count=len(counted))
        counts = np.fromiter(counted.values(), dtype=np.int64, count=len(counted))
        weights = _LOGARITHMS[np.minimum(counts, len(_LOGARITHMS) - 1)] * self._by_number[numbers]
        if len(numbers) > most:
            kept = np.sort(np.argpartition(-weights, most)[:most])
            numbers, weights = numbers[kept], weights[kept]
        length = math.sqrt(float(weights @ weights))
        return numbers, (weights / (length or 1.0)).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        return {"grams": list(self.grams), "rarity": self.rarity.tolist()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(value["grams"], np.array(value["rarity"], dtype=np.float64))


class Tokens:
    """Numbers the tokens from 2; 0 fills up, 1 stands for one that training did not see often enough."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._numbers = {token: number for number, token in enumerate(self.tokens, start=2)}

    @property
    def size(self) -> int:
        return len(self.tokens) + 2

    @classmethod
    def fit(cls, texts: Sequence[Sequence[str]]) -> Self:
        counts: Counter[str] = Counter()
        for tokens in texts:
            counts.update(set(tokens))
        frequent = [(token, count) for token, count in counts.items() if count >= FEWEST_TEXTS]
        frequent.sort(key=lambda item: (-item[1], item[0]))
        return cls([token for token, _ in frequent[:MOST_TOKENS]])

    def find(self, tokens: Sequence[str], most: int) -> list[int]:
        numbers = self._numbers
        return [numbers.get(token, UNKNOWN) for token in tokens[:most]]


def is_readable(gram: str) -> bool:
    """Whether people can read a gram: whole words or characters with a letter among them, no pieces and no signs."""
    bare = gram.replace(" ", "")
    if not bare.isalnum() or not any(map(str.isalpha, bare)):
        return False
    return len(bare) > 1 or is_unspaced(bare)
