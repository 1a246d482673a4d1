"""How far inputs and predictions have moved from the training data: the population stability index of each column.

    PSI = Σ (q - p) · ln(q / p)   over the bins, p and q being the shares of training and of live rows

with the bands that are customary since N. Siddiqi, "Credit Risk Scorecards" (2006): below 0.1 stable, from 0.25 on
drifted. Small samples move by chance: without drift, PSI · NM / (N + M) is about χ² with one degree of freedom fewer
than bins (B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index", Journal of Risk
Model Validation 14 (4), 2020). So nothing is said below `FEWEST_ROWS`, and a column counts as moved only if its index
is also above what chance gives once in a hundred times.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from modelyard.contracts.reference import EXTRA_BINS, Reference, ReferenceColumn
from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.folding import add_counts
from modelyard.monitoring.models import InputHour

Level = Literal["few", "stable", "moved", "drifted"]
LEVELS: tuple[Level, ...] = ("few", "stable", "moved", "drifted")
MOVED, DRIFTED = 0.1, 0.25
FEWEST_ROWS, FEWEST_TRAINED = 100, 30
LEAST_SHARE = 0.0001
ONCE_IN_A_HUNDRED = 2.326
"""The 99th percentile of the normal distribution."""


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """One column: the counts of training and those of live rows, in the same bins."""

    reference: ReferenceColumn
    live: tuple[int, ...]
    index: float
    chance: float

    @property
    def rows(self) -> int:
        return sum(self.live)

    @property
    def level(self) -> Level:
        if self.rows < FEWEST_ROWS or self.reference.rows < FEWEST_TRAINED:
            return "few"
        if self.index < MOVED or self.index <= self.chance:
            return "stable"
        return "drifted" if self.index >= DRIFTED else "moved"

    @property
    def missing(self) -> tuple[float, float]:
        """The share of missing values in training and now."""
        return _share(self.reference.counts, -1), _share(self.live, -1)

    @property
    def unseen(self) -> tuple[float, float]:
        """The share of what training had not learned: other categories, numbers outside its range."""
        if self.reference.is_category:
            return _share(self.reference.counts, -2), _share(self.live, -2)
        ends = (0, -2)
        return _share(self.reference.counts, *ends), _share(self.live, *ends)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """The columns of one version, the furthest first. `rows` were sampled; `part` is where predictions come from."""

    version: int
    rows: int
    columns: list[ColumnDrift]

    @property
    def level(self) -> Level:
        return max((column.level for column in self.columns), key=LEVELS.index, default="few")

    def having(self, level: Level) -> list[ColumnDrift]:
        return [column for column in self.columns if column.level == level]


def measure_drift(endpoint: Endpoint, version: int, reference: Reference, *, since: datetime) -> Drift:
    """Compare what one version was sent since then with what it was trained on."""
    counts: dict[str, list[int]] = {}
    rows = 0
    for hour in InputHour.objects.filter(endpoint=endpoint, version=version, hour__gte=since).order_by("hour"):
        counts = add_counts(counts, hour.counts)
        rows += hour.rows
    columns = [_compare(column, counts) for column in reference.columns]
    columns.sort(key=lambda column: (-LEVELS.index(column.level), -column.index))
    return Drift(version=version, rows=rows, columns=columns)


def stability_index(training: Sequence[int], live: Sequence[int]) -> float:
    """The PSI of two rows of counts. An empty bin counts as half a row of the smaller sample, or a ten-thousandth."""
    trained, lived = sum(training), sum(live)
    if not trained or not lived:
        return 0.0
    least = max(LEAST_SHARE, 0.5 / min(trained, lived))
    index = 0.0
    for before, now in zip(training, live, strict=True):
        p, q = before / trained + least, now / lived + least
        index += (q - p) * math.log(q / p)
    return index


def index_by_chance(training: Sequence[int], live: Sequence[int]) -> float:
    """The PSI that samples of these sizes exceed once in a hundred times although nothing has moved."""
    trained, lived = sum(training), sum(live)
    freedom = sum(1 for before, now in zip(training, live, strict=True) if before or now) - 1
    if freedom < 1 or not trained or not lived:
        return 0.0
    quantile = freedom * (1 - 2 / (9 * freedom) + ONCE_IN_A_HUNDRED * math.sqrt(2 / (9 * freedom))) ** 3
    return quantile * (1 / trained + 1 / lived)


def _compare(column: ReferenceColumn, counts: Mapping[str, Sequence[int]]) -> ColumnDrift:
    live = tuple(counts.get(column.name, ()))
    if len(live) != len(column.counts):
        live = (0,) * len(column.counts)
    return ColumnDrift(
        reference=column,
        live=live,
        index=stability_index(column.counts, live),
        chance=index_by_chance(column.counts, live),
    )


def _share(counts: Sequence[int], *places: int) -> float:
    total = sum(counts)
    if not total or len(counts) < EXTRA_BINS:
        return 0.0
    return sum(counts[place] for place in places) / total
