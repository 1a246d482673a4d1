"""JSON: one object a line, or one list of objects. Lines are written back letter by letter."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from workers.ingesting import limits
from workers.ingesting.encodings import detect_encoding
from workers.ingesting.findings import Findings
from workers.ingesting.jsonlines import decode, is_lines, reason_of, texts_of_lines, values_of
from workers.ingesting.rows import check_width
from workers.scoring.chunks import Gathering, Values, text_table, to_json_text, to_storable, to_text

LONGEST_NUMBER = 4000
UNREADABLE = "unreadable"


def _whole(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_NUMBER else text


def _fraction(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON; write null for a missing value")


_OF_LINES = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=_refuse)
_OF_LISTS = json.JSONDecoder(parse_int=_whole, parse_float=_fraction, parse_constant=lambda name: None)


@dataclass(frozen=True)
class Row:
    """One object; `text` as it stood in the file, where that can be written back. `fault` where it is none."""

    value: Mapping[str, Any]
    text: str
    fault: str


@dataclass
class ObjectChunk:
    """Objects, each with keys of its own; `names` are the keys of all."""

    names: Sequence[str]
    rows: list[Row]
    faults: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.rows)

    def values(self) -> Sequence[Values]:
        return [row.value for row in self.rows]

    def texts(self) -> Sequence[Sequence[str]]:
        return [[to_text(row.value.get(name)) for name in self.names] for row in self.rows]

    def objects(self) -> Sequence[str]:
        return [row.text or to_json_text(row.value) for row in self.rows]

    def table(self) -> pa.Table:
        cells = [[None if row.value.get(n) is None else to_text(row.value[n]) for n in self.names] for row in self.rows]
        return text_table(self.names, cells)


class ObjectSource:
    """A JSON file. Its columns are all keys that any object has, so they are learned by reading it once."""

    def __init__(self, path: Path, findings: Findings, names: Sequence[str] = ()) -> None:
        """`names` where they were learned before. Raises `Rejected`."""
        self.path = path
        self.encoding = detect_encoding(path, findings)
        self.lines = is_lines(path, self.encoding)
        self.names: Sequence[str] = names or self._learn_names()

    def chunks(self) -> Iterator[ObjectChunk]:
        pieces = ((row, len(row.text)) for row in self._rows())
        for rows in Gathering(len(self.names)).gather(pieces):
            faults = {place: row.fault for place, row in enumerate(rows) if row.fault}
            yield ObjectChunk(self.names, rows, faults)

    def _learn_names(self) -> list[str]:
        names: dict[str, None] = {}
        for row in self._rows():
            names.update(dict.fromkeys(row.value))
            check_width(len(names))
        return list(names)

    def _rows(self) -> Iterator[Row]:
        if not self.lines:
            for number, value in values_of(self.path, self.encoding, False, _OF_LISTS):
                yield _row_of(value, "", f"item {number}")
            return
        for number, text in texts_of_lines(self.path, self.encoding):
            yield _row_of(decode(text, _OF_LINES), to_storable(text), f"line {number}")


def _row_of(value: object, text: str, place: str) -> Row:
    if isinstance(value, dict):
        return Row({to_storable(key): inner for key, inner in value.items()}, text, "")
    kept = text if text else to_json_text(value)
    unreadable = to_json_text({UNREADABLE: kept[: limits.MAXIMUM_CELL_CHARACTERS]})
    return Row({}, unreadable, f"{place} holds no JSON object: {reason_of(value)}")
