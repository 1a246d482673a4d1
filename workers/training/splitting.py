"""Parts rows into those that train, validate and test, so that no copy of a row is in two parts."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as arrow
from numpy.typing import NDArray

from modelyard.contracts.plan import Split
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure

DRAWS = 64
"""How often groups are dealt out at random; the draw whose parts are nearest to the wanted ones is taken."""
Rows = NDArray[np.int64]
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Parts:
    """Row numbers, in ascending order."""

    train: Rows
    validation: Rows
    test: Rows


def split_rows(
    split: Split,
    *,
    strata: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int,
    marks: NDArray[np.int64] | NDArray[np.float64] | None = None,
) -> Parts:
    """Part rows by the shares of `split`.

    `strata` is the class of each row (all zero for numbers): every part gets its share of each class. Rows of the same
    `groups` number (copies of one another) go the same way. A class with one group only goes to the training part, one
    with two to training and test. `marks` is what the column of the split says of each row: its group, its moment (NaN:
    unknown, which trains) or its part (-1: none, and it is in none). Raises `TrainingFailure` where the column does not
    allow three parts.
    """
    if split.method in ("stratified", "random"):
        return _gather(_deal(split, strata=strata, groups=groups, seed=seed))
    assert marks is not None, split.method
    if split.method == "group":
        return _gather(_deal_groups(split, strata=strata, groups=marks.astype(np.int64), seed=seed))
    if split.method == "time":
        return _gather(_cut_by_time(split, marks.astype(np.float64)))
    return _gather(_take_given(split, marks.astype(np.int64), strata=strata, groups=groups, seed=seed))


def assign_folds(count: int, *, strata: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return a fold, 0 to `count` - 1, for every row; classes are spread evenly and rows of a group stay together."""
    random = np.random.default_rng([seed, 2])
    folds = np.zeros(len(strata), dtype=np.int64)
    sizes = np.zeros(count, dtype=np.int64)
    for members in _grouped(strata, groups, random):
        for rows in members:
            fold = int(sizes.argmin())
            folds[rows] = fold
            sizes[fold] += len(rows)
    return folds


def find_groups(columns: Iterable[NDArray[np.object_]]) -> NDArray[np.int64]:
    """Number rows, in the order in which they come, so that rows equal in every column get the same number.

    Rows are told apart by a hash of 64 bits: of 10^7 different ones, two are taken for equal with a chance of 3e-6.
    """
    hashes: NDArray[np.uint64] | None = None
    for column in columns:
        codes = arrow.array(column, from_pandas=True).dictionary_encode(null_encoding="encode").indices
        values = codes.to_numpy(zero_copy_only=False).astype(np.uint64) + np.uint64(1)
        hashes = _mix(values if hashes is None else hashes + values * GOLDEN)
    if hashes is None:
        return np.zeros(0, dtype=np.int64)
    _found, first, numbers = np.unique(hashes, return_index=True, return_inverse=True)
    ranks = np.empty(len(first), dtype=np.int64)
    ranks[np.argsort(first)] = np.arange(len(first))
    return ranks[numbers]


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): every bit of a number changes half of the others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _gather(parts: NDArray[np.int8]) -> Parts:
    return Parts(*(np.flatnonzero(parts == part) for part in range(3)))


def _deal(split: Split, *, strata: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int8]:
    """Each row's part, at random: 0 trains, 1 validates, 2 tests."""
    random = np.random.default_rng([seed, 1])
    parts = np.zeros(len(strata), dtype=np.int8)
    if split.method == "random":
        strata = np.zeros_like(strata)
    for members in _grouped(strata, groups, random):
        _assign(parts, members, split)
    return parts


def _deal_groups(split: Split, *, strata: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int8]:
    """Whole groups to each part, at least one to each: of many random draws the one that comes nearest to the shares of
    the parts in every class."""
    random = np.random.default_rng([seed, 1])
    names, numbers = np.unique(groups, return_inverse=True)
    if len(names) < 3:
        raise _too_few(
            split, _("its rows with a target have {count} different values; each part needs one", count=len(names))
        )
    classes = int(strata.max(initial=0)) + 1
    table = np.zeros((len(names), classes))
    np.add.at(table, (numbers, strata), 1)
    shares = (1.0 - split.validation - split.test, split.validation, split.test)
    best, chosen = np.inf, np.zeros(len(names), dtype=np.int8)
    for _draw in range(DRAWS):
        dealt = _draw_groups(table.sum(axis=1), split, random)
        counts = np.stack([table[dealt == part].sum(axis=0) for part in range(3)])
        wanted = np.outer(shares, table.sum(axis=0))
        distance = float((np.square(counts - wanted) / np.maximum(wanted, 1.0)).sum())
        if distance < best:
            best, chosen = distance, dealt
    return chosen[numbers]


def _draw_groups(sizes: NDArray[np.float64], split: Split, random: np.random.Generator) -> NDArray[np.int8]:
    """A part for each group: groups in random order fill the test part, then validation; the others train."""
    order = random.permutation(len(sizes))
    dealt = np.zeros(len(sizes), dtype=np.int8)
    place = 0
    for part, share, kept in ((2, split.test, 2), (1, split.validation, 1)):
        wanted, taken = share * sizes.sum(), 0.0
        while place < len(order) - kept and (taken == 0 or taken + sizes[order[place]] / 2 <= wanted):
            dealt[order[place]] = part
            taken += sizes[order[place]]
            place += 1
    return dealt


def _cut_by_time(split: Split, moments: NDArray[np.float64]) -> NDArray[np.int8]:
    """Cut at two moments; rows of the same moment are never parted."""
    known = np.isfinite(moments)
    distinct, counts = np.unique(moments[known], return_counts=True)
    if len(distinct) < 3:
        raise _too_few(
            split, _("its rows with a target have {count} different moments; each part needs one", count=len(distinct))
        )
    before = np.cumsum(counts)[:-1]
    rows = counts.sum()
    last = 1 + int(np.abs(before[1:] - rows * (1.0 - split.test)).argmin())
    first = int(np.abs(before[:last] - rows * (1.0 - split.test - split.validation)).argmin())
    parts = np.zeros(len(moments), dtype=np.int8)
    parts[known & (moments > distinct[first])] = 1
    parts[known & (moments > distinct[last])] = 2
    return parts


def _take_given(
    split: Split, said: NDArray[np.int64], *, strata: NDArray[np.int64], groups: NDArray[np.int64], seed: int
) -> NDArray[np.int8]:
    """The parts that the column names (3: none); those that it never names are dealt out of the training rows."""
    parts = np.where(said < 0, 3, said).astype(np.int8)
    train = np.flatnonzero(parts == 0)
    if not len(train):
        raise _too_few(split, _("no row with a target is in the training part"))
    validation, test = (
        0.0 if (said == place).any() else share for place, share in ((1, split.validation), (2, split.test))
    )
    if validation or test:
        rest = Split(validation=validation, test=test)
        parts[train] = _deal(rest, strata=strata[train], groups=groups[train], seed=seed)
    return parts


def _too_few(split: Split, why: Sentence) -> TrainingFailure:
    return TrainingFailure(
        "split",
        _("the rows cannot be parted by '{column}': {why}", column=split.column, why=why),
        _("Part them by another column, or at random."),
    )


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
    for _class, members in sorted(by_class.items(), key=lambda item: (len(item[1]), item[0])):
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
