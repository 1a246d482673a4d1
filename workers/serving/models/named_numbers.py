"""Rows as objects of numbers, `{"instances": [{"a": 1, "b": 2}, …]}`, by a parser that is compiled for one model.

It proves names, kinds and completeness while it reads, and leaves a matrix: a call that waits for its turn then holds a
tenth of what rows as objects hold. A body with anything besides gives None: it is read with care, which tells what is
wrong if something is.
"""

from itertools import starmap
from struct import Struct
from typing import Any

import msgspec
import numpy as np

from modelyard.features.numbers import NumberTable

MOST_NAMES = 256
LARGEST = 4 * 1024**2
"""Bytes of a body above which the parser, which keeps the interpreter to itself, would hold others up: 8 ms."""


class NamedNumbers:
    """Reads rows of `names`, each of which every row must have; `others` may be there, and are not looked at."""

    def __init__(self, names: tuple[str, ...], others: frozenset[str]) -> None:
        known = (*names, *sorted(others - set(names)))
        fields: list[tuple[Any, ...]] = [(f"field_{place}", float) for place in range(len(names))]
        fields += [(f"field_{place}", float, 0.0) for place in range(len(names), len(known))]
        row = msgspec.defstruct(
            "Row",
            fields,
            rename={f"field_{place}": name for place, name in enumerate(known)},
            forbid_unknown_fields=True,
            gc=False,
        )
        body = msgspec.defstruct("Body", [("instances", list[row])], forbid_unknown_fields=True, gc=False)  # type: ignore[valid-type]
        self._decode = msgspec.json.Decoder(body).decode
        self._pack = Struct(f"{len(known)}d").pack
        self._names = names

    def read(self, body: bytes) -> NumberTable | None:
        """Return the rows, at least one; None where there is anything else."""
        if len(body) > LARGEST:
            return None
        try:
            rows: list[Any] = self._decode(body).instances  # type: ignore[attr-defined]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not rows:
            return None
        packed = b"".join(starmap(self._pack, map(msgspec.structs.astuple, rows)))
        numbers = np.frombuffer(packed, dtype=np.float64).reshape(len(rows), -1)
        return NumberTable(self._names, numbers[:, : len(self._names)])


def compile_reader(names: tuple[str, ...], inputs: frozenset[str]) -> NamedNumbers | None:
    """Return the reader for a model that looks at `names` of its `inputs`. None where another way is better."""
    return NamedNumbers(names, inputs) if len(names) > 1 and len(inputs) <= MOST_NAMES else None
