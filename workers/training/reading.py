"""Reads the ingested version that a plan names."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure
from workers.training.stored_columns import StoredColumns, Texts, read_stored

__all__ = ["Pictures", "Table", "Texts", "read_pictures", "read_table"]


@dataclass(frozen=True)
class Table:
    """Columns of texts, None = missing. `target` has no missing values: such rows were left out, `unused` of them.

    `split` is the column that rows are parted by, where the plan names one; it need not be among the columns.
    """

    columns: StoredColumns
    target: Texts
    unused: int
    split: Texts | None = None

    @property
    def rows(self) -> int:
        return len(self.target)

    def where(self, used: NDArray[np.bool_]) -> "Table":
        """The table without the rows that are not `used`."""
        split = None if self.split is None else self.split[used]
        return Table(self.columns.where(used), self.target[used], self.unused + int((~used).sum()), split)


@dataclass(frozen=True)
class Pictures:
    """Files of images and their classes."""

    files: tuple[Path, ...]
    target: Texts

    @property
    def rows(self) -> int:
        return len(self.files)


def read_table(plan: Plan) -> Table:
    """Raises `TrainingFailure` for columns that the plan names and the file lacks."""
    path = Path(plan.data) / "table.parquet"
    present = parquet.read_schema(path).names
    wanted = list(dict.fromkeys([*plan.kinds, *([plan.split.column] if plan.split.column else [])]))
    absent = [name for name in wanted if name not in present]
    if absent:
        raise TrainingFailure(
            "column_vanished",
            _("the data set version has no column {names}", names=", ".join(map(repr, absent))),
            _("Request the run again, so that it is planned with the columns that the version has."),
        )
    split = read_stored(path, plan.split.column) if plan.split.column else None
    if plan.target:
        target = read_stored(path, plan.target)
    else:
        target = np.full(parquet.read_metadata(path).num_rows, "", dtype=object)
    columns = StoredColumns(path, [name for name in plan.kinds if name != plan.target])
    table = Table(columns, target, 0, split)
    known = np.array([value is not None for value in target], dtype=bool)
    return table if known.all() else table.where(known)


def read_pictures(plan: Plan) -> Pictures:
    folder = Path(plan.data)
    entries = read_json(folder / "images.json")
    files = tuple(folder / "images" / entry["file"] for entry in entries)
    return Pictures(files, np.array([entry["label"] for entry in entries], dtype=object))
