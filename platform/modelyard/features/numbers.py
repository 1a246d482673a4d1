"""Rows of nothing but numbers, kept as one matrix from the body of a call to the network."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray


class NumberTable(Mapping[str, NDArray[np.float64]]):
    """Columns by name, as `transform_columns` takes them; `matrix`, shape (rows, columns), has them in order."""

    def __init__(self, names: tuple[str, ...], matrix: NDArray[np.float64]) -> None:
        self.names = names
        self.matrix = matrix

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        try:
            return self.matrix[:, self.names.index(name)]
        except ValueError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def join(cls, tables: Sequence["NumberTable"]) -> Self:
        """Return the rows of all tables, one table after the other. They have the same columns."""
        return cls(tables[0].names, np.concatenate([table.matrix for table in tables]))
