"""Reference: how the training data and the first predictions were distributed; `reference.json` in an artifact.

What an endpoint is sent later is counted in the same bins and compared (`docs/monitoring.md`). Artifacts of before have
none, and forecasters one without columns: their drift is not watched. The counts of a column are, in this order,

    numbers      one for each bin: up to and with the first edge, …, above the last edge; then the missing
    categories   one for each of `values`; then those that are known but not listed, those never learned, the missing

Numbers also stand for dates (seconds since 1970), texts (their length in characters) and pictures (see `Measure`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Measure = Literal["value", "date", "length", "brightness", "contrast", "label", "score"]
"""What of an input or a prediction is counted. `brightness` and `contrast` are mean and standard deviation of the
pixels as the network sees them (0 to 255), `score` is the probability of the predicted label."""
Role = Literal["input", "prediction"]
EXTRA_BINS = 3
"""Of a category: other, never learned, missing."""


@dataclass(frozen=True, kw_only=True)
class ReferenceColumn:
    """One distribution. `edges` for numbers, `values` for categories; `column` is the input's or output's own name."""

    name: str
    role: Role
    measure: Measure
    column: str
    counts: tuple[int, ...]
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def is_category(self) -> bool:
        return bool(self.values)

    @property
    def rows(self) -> int:
        return sum(self.counts)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        lists = {"counts": tuple(value["counts"]), "edges": tuple(value["edges"]), "values": tuple(value["values"])}
        return cls(**{**value, **lists})


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Inputs from all rows that training used; predictions from `part`, rows that the model had not learned from."""

    columns: tuple[ReferenceColumn, ...]
    part: str

    def column(self, name: str) -> ReferenceColumn | None:
        return next((column for column in self.columns if column.name == name), None)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(columns=tuple(ReferenceColumn.from_json(column) for column in value["columns"]), part=value["part"])
