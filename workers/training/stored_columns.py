"""Columns of a stored table that are read when they are asked for, so that only one of them is in memory as texts."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
from numpy.typing import NDArray

Texts = NDArray[np.object_]


class StoredColumns(Mapping[str, Texts]):
    """Columns by name, None = missing; `rows` are the numbers of those that are used, None for all."""

    def __init__(self, path: Path, names: list[str], rows: NDArray[np.int64] | None = None) -> None:
        self._path = path
        self._names = names
        self._rows = rows

    def __getitem__(self, name: str) -> Texts:
        if name not in self._names:
            raise KeyError(name)
        column = read_stored(self._path, name)
        return column if self._rows is None else column[self._rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def where(self, used: NDArray[np.bool_]) -> "StoredColumns":
        """The same columns without the rows that are not `used`."""
        chosen = np.flatnonzero(used)
        return StoredColumns(self._path, self._names, chosen if self._rows is None else self._rows[chosen])


def read_stored(path: Path, name: str) -> Texts:
    """One column of a Parquet file of texts."""
    content: Any = parquet.read_table(path, columns=[name]).column(0)
    return np.asarray(content.to_numpy(), dtype=object)
