"""What every reader gives: chunks of rows, each ready to be predicted and to be written in any format."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import pyarrow as pa

from workers.ingesting import limits

ROWS_A_CHUNK = 4096
CELLS_A_CHUNK = 250_000
CHARACTERS_A_CHUNK = 8 * limits.MIB

Values = Mapping[str, Any]
Piece = TypeVar("Piece")


class Chunk(Protocol):
    """Some rows of the file, as they came. `faults` names those that cannot even be read, by their place."""

    faults: Mapping[int, str]

    def __len__(self) -> int: ...

    def values(self) -> Sequence[Values]:
        """The values of each row by column, as the endpoint would get them; anything for a faulty row."""
        ...

    def texts(self) -> Sequence[Sequence[str]]:
        """The cells of each row as text, for CSV."""
        ...

    def objects(self) -> Sequence[str]:
        """Each row as the text of a JSON object, for JSON lines."""
        ...

    def table(self) -> pa.Table:
        """The rows as Arrow columns, for Parquet; every chunk of a file has the same schema."""
        ...


class Source(Protocol):
    """A file that was opened. `names` are its columns."""

    names: Sequence[str]

    def chunks(self) -> Iterator[Chunk]:
        """Read the file from its beginning, in chunks that are the same every time. Raises `Rejected`."""
        ...


@dataclass
class Gathering:
    """Rows gathered into chunks of bounded size."""

    width: int
    most: int = ROWS_A_CHUNK
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = max(1, min(self.most, CELLS_A_CHUNK // max(self.width, 1)))

    def gather(self, pieces: Iterable[tuple[Piece, int]]) -> Iterator[list[Piece]]:
        """Yield lists of pieces; each comes with how many characters or bytes it has."""
        gathered: list[Piece] = []
        characters = 0
        for piece, length in pieces:
            gathered.append(piece)
            characters += length
            if len(gathered) >= self.size or characters >= CHARACTERS_A_CHUNK:
                yield gathered
                gathered, characters = [], 0
        if gathered:
            yield gathered


def to_json_text(value: object) -> str:
    """Any value of a row as JSON; what JSON does not know becomes text."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, default=str)


def to_text(value: object) -> str:
    """Any value of a row as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, str):
        return to_storable(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return to_json_text(value) if isinstance(value, bool | int | float | list | dict) else str(value)


def to_storable(text: str) -> str:
    """Text without NUL and lone halves of characters, which databases and encodings cannot hold."""
    whole = text.replace("\0", "\ufffd")
    return whole if whole.isascii() else whole.encode("utf-8", "replace").decode("utf-8")


def text_table(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """Rows of text as Arrow columns of strings."""
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pa.Table.from_arrays([pa.array(list(column), pa.large_string()) for column in columns], list(names))


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
