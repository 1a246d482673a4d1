"""Parts the rows of a table as the plan says, and remembers what is needed to tell of it."""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure
from workers.training.reading import Table
from workers.training.split_columns import is_missing, read_groups, read_moments, read_parts
from workers.training.splitting import Parts, find_groups, split_rows

WORTH_TELLING = 0.01
MOST_COPIES = 0.2
"""Where more rows than this are like others, the columns are coarse and equal rows are different observations: kept
together, they would make every part ask for combinations that no other part has."""


@dataclass(frozen=True)
class Moments:
    """The moment of each row of a split by time, NaN where it is unknown; `are_dates`: in seconds since 1970."""

    values: NDArray[np.float64]
    are_dates: bool


@dataclass(frozen=True, kw_only=True)
class Parting:
    """The parts, and the groups whose rows folds keep together: copies of one another, or those of the plan."""

    parts: Parts
    groups: NDArray[np.int64]
    notices: tuple[Sentence, ...] = ()
    moments: Moments | None = None

    @property
    def learnable(self) -> NDArray[np.int64]:
        return np.concatenate([self.parts.train, self.parts.validation])

    @property
    def unused(self) -> int:
        """Rows that are in no part."""
        parts = self.parts
        return len(self.groups) - len(parts.train) - len(parts.validation) - len(parts.test)


def part_table(plan: Plan, table: Table, strata: NDArray[np.int64]) -> Parting:
    """`strata` is the class of each row. Raises `TrainingFailure` where no row is left to train on."""
    parting = _part_by_column(plan, table, strata) if table.split is not None else _part_by_chance(plan, table, strata)
    if not len(parting.parts.train):
        raise TrainingFailure(
            "too_few_rows", _("no row is left to train on"), _("Add rows that differ from one another.")
        )
    return parting


def _part_by_chance(plan: Plan, table: Table, strata: NDArray[np.int64]) -> Parting:
    """Copies of a row go the same way."""
    groups = find_groups(chain(table.columns.values(), [table.target]))
    copies = len(groups) - len(np.unique(groups))
    if copies > MOST_COPIES * table.rows:
        groups, copies = np.arange(table.rows, dtype=np.int64), 0
    said = _("{count} rows are copies of others; all copies of a row are in the same part.", count=copies)
    return Parting(
        parts=split_rows(plan.split, strata=strata, groups=groups, seed=plan.seed),
        groups=groups,
        notices=(said,) if copies > WORTH_TELLING * len(groups) else (),
    )


def _part_by_column(plan: Plan, table: Table, strata: NDArray[np.int64]) -> Parting:
    split, texts = plan.split, table.split
    assert texts is not None
    groups = np.arange(table.rows, dtype=np.int64)
    marks: NDArray[np.int64] | NDArray[np.float64]
    moments = None
    match split.method:
        case "group":
            marks = groups = read_groups(texts)
            odd = is_missing(texts)
            said = _(
                "{count} rows have no value of '{column}'; each counts as a group of its own.",
                count=odd.sum(),
                column=split.column,
            )
        case "time":
            is_date = plan.kinds.get(split.column or "") == "date"
            marks, are_dates = read_moments(texts, are_dates=is_date or None)
            moments, odd = Moments(marks, are_dates), np.isnan(marks)
            said = _(
                "{count} rows have no moment in '{column}'; they are in the training part.",
                count=odd.sum(),
                column=split.column,
            )
        case _method:
            marks = read_parts(texts)
            odd = marks < 0
            said = _("{count} rows name no part in '{column}' and were left out.", count=odd.sum(), column=split.column)
    return Parting(
        parts=split_rows(split, strata=strata, groups=groups, seed=plan.seed, marks=marks),
        groups=groups,
        notices=(said,) if odd.any() else (),
        moments=moments,
    )
