"""Arrays that are too large for memory: rows of 8-bit numbers in a file without a name, read when they are wanted.

Read with `pread` rather than mapped: pages of a map count as memory of this process, and whoever watches that would end
a run that needs none of it.
"""

import os
import tempfile
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import psutil
from numpy.typing import DTypeLike, NDArray

SHARE_OF_MEMORY = 0.2
"""An array larger than this share of the memory goes into a file: TensorFlow holds a second copy of it."""
Shape = tuple[int, ...]


class StoredRows:
    """Like an array of bytes, shape (rows, …), that is indexed by rows alone. What indexing gives is such a thing
    again; `np.asarray` reads it."""

    dtype = np.dtype(np.uint8)

    def __init__(self, file: Any, shape: Shape, rows: NDArray[np.int64] | None = None) -> None:
        self._file = file
        self._row = shape[1:]
        self._bytes = int(np.prod(self._row))
        self._rows = np.arange(shape[0]) if rows is None else rows

    @classmethod
    def create(cls, shape: Shape) -> Self:
        """A file in the folder for temporary files, which vanishes with this process. Raises `OSError`."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the rows
        os.posix_fallocate(file.fileno(), 0, max(1, int(np.prod(shape))))
        return cls(file, shape)

    @property
    def shape(self) -> Shape:
        return (len(self._rows), *self._row)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Self:
        chosen = self._rows[rows]
        return type(self)(self._file, (len(chosen), *self._row), chosen)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        return (self.read(np.array([row]))[0] for row in range(len(self)))

    def __setitem__(self, row: int, values: NDArray[Any]) -> None:
        os.pwrite(self._file.fileno(), values.astype(np.uint8).tobytes(), int(self._rows[row]) * self._bytes)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self.read(np.arange(len(self))).astype(dtype or self.dtype, copy=False)

    def read(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Return these rows, shape (*rows.shape, …)."""
        wanted = self._rows[rows]
        found = np.empty((wanted.size, *self._row), dtype=np.uint8)
        for row, values in zip(wanted.ravel().tolist(), found, strict=True):
            os.preadv(self._file.fileno(), [values.reshape(-1)], row * self._bytes)
        return found.reshape(*wanted.shape, *self._row)


def make_rows(shape: Shape, memory: int = 0) -> Any:
    """Room for so many rows of bytes: an array where it takes a small share of memory, else `StoredRows`.

    `memory` is what this process may take, 0 for as much as there is.
    """
    available = psutil.virtual_memory().available
    if int(np.prod(shape)) > SHARE_OF_MEMORY * min(memory or available, available):
        return StoredRows.create(shape)
    return np.empty(shape, dtype=np.uint8)
