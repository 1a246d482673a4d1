"""Reads the ingested version that a plan names."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import sentence as _
from workers.training.failures import TrainingFailure

Texts = NDArray[np.object_]


@dataclass(frozen=True)
class Table:
    """Columns of texts, None = missing. `target` has no missing values: such rows were left out, `unused` of them."""

    columns: Mapping[str, Texts]
    target: Texts
    unused: int

    @property
    def rows(self) -> int:
        return len(self.target)


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
    absent = [name for name in plan.kinds if name not in present]
    if absent:
        raise TrainingFailure(
            "column_vanished",
            _("the data set version has no column {names}", names=", ".join(map(repr, absent))),
            _("Request the run again, so that it is planned with the columns that the version has."),
        )
    content = parquet.read_table(path, columns=list(plan.kinds))
    texts = {name: np.array(content.column(name).to_pylist(), dtype=object) for name in plan.kinds}
    target = texts.pop(plan.target or "")
    known = np.array([value is not None for value in target], dtype=bool)
    columns = {name: column[known] for name, column in texts.items()}
    return Table(columns, target[known], int(len(known) - known.sum()))


def read_pictures(plan: Plan) -> Pictures:
    folder = Path(plan.data)
    entries = read_json(folder / "images.json")
    files = tuple(folder / "images" / entry["file"] for entry in entries)
    return Pictures(files, np.array([entry["label"] for entry in entries], dtype=object))
