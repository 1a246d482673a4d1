"""What every kind of features and decoder offers, and the two ways in which a raw value can be wrong."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


class BadValue(ValueError):
    """A raw value that cannot be meant: text where a number belongs, bytes that are no image."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class RowProblem(ValueError):
    """The first row that cannot be used. `row` counts from 0; `column` is None where the whole row is wrong."""

    def __init__(self, row: int, column: str | None, message: str) -> None:
        super().__init__(message)
        self.row = row
        self.column = column
        self.message = message


class Features(Protocol):
    """Fitted preprocessing. Rows of a table are mappings of column name to value, rows of an image model encoded
    bytes or arrays of pixels."""

    def transform(self, rows: Sequence[object]) -> Arrays:
        """Return the inputs of the numeric core by name, one entry a row. Raises `RowProblem` for the first bad row."""
        ...

    def transform_columns(self, columns: Mapping[str, Sequence[object] | NDArray[Any]]) -> Arrays:
        """The same for columns of equal length; a column that is absent is missing in every row."""
        ...

    def to_json(self) -> dict[str, Any]: ...


class Decoder(Protocol):
    """Turns the outputs of the numeric core into what a caller gets, one mapping a row."""

    def decode(self, outputs: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]: ...

    def arrays(self, outputs: Mapping[str, NDArray[Any]]) -> Arrays:
        """The parts of the predictions by name (`Output.parts`), an entry a row; texts as objects."""
        ...

    def to_json(self) -> dict[str, Any]: ...
