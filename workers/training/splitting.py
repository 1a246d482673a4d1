"""Parts rows into those that train, validate and test, so that no copy of a row is in two parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import Split

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Row numbers, in ascending order."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(split: Split, *, strata: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> Parts:
    """Part rows by the shares of `split`.

    `strata` is the class of each row (all zero for numbers): every part gets its share of each class. Rows of the same
    `groups` number (copies of one another) go the same way. A class with one group only goes to the training part, one
    with two to training and test.
    """
    random = np.random.default_rng([seed, 1])
    parts = np.zeros(len(strata), dtype=np.int8)
    if split.method == "random":
        strata = np.zeros_like(strata)
    for members in _grouped(strata, groups, random):
        _assign(parts, members, split)
    return Parts(*(np.flatnonzero(parts == part) for part in range(3)))


def assign_folds(count: int, *, strata: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return a fold, 0 to `count` - 1, for every row; classes are spread evenly and copies stay together."""
    random = np.random.default_rng([seed, 2])
    folds = np.zeros(len(strata), dtype=np.int64)
    sizes = np.zeros(count, dtype=np.int64)
    for members in _grouped(strata, groups, random):
        for rows in members:
            fold = int(sizes.argmin())
            folds[rows] = fold
            sizes[fold] += len(rows)
    return folds


def find_groups(columns: Sequence[NDArray[np.object_]]) -> NDArray[np.int64]:
    """Number rows so that rows equal in every column get the same number."""
    numbers: dict[tuple[object, ...], int] = {}
    return np.array([numbers.setdefault(row, len(numbers)) for row in zip(*columns, strict=True)], dtype=np.int64)


def _grouped(strata: NDArray[np.int64], groups: NDArray[np.int64], random: np.random.Generator) -> list[list[Rows]]:
    """For every class, rarest first, its groups of rows in random order. A group belongs to the class of its first
    row."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    bundles = np.split(order, starts[1:])
    by_class: dict[int, list[Rows]] = {}
    for bundle in bundles:
        by_class.setdefault(int(strata[bundle[0]]), []).append(bundle)
    shuffled = []
    for _, members in sorted(by_class.items(), key=lambda item: (len(item[1]), item[0])):
        shuffled.append([members[index] for index in random.permutation(len(members))])
    return shuffled


def _assign(parts: NDArray[np.int8], members: list[Rows], split: Split) -> None:
    """Give the groups of one class to test (2) and validation (1); the rest, and at least one, trains (0)."""
    total = sum(len(rows) for rows in members)
    spare = len(members) - 1
    filled = 0
    for part, share in ((2, split.test), (1, split.validation)):
        wanted = share * total
        if spare > 0 and share > 0:
            wanted = max(wanted, 1.0)
        taken = 0
        while spare > 0 and taken + len(members[filled]) / 2 <= wanted:
            parts[members[filled]] = part
            taken += len(members[filled])
            filled += 1
            spare -= 1
