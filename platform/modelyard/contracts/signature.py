"""Signature: what a model takes and gives; `signature.json` in an artifact.

The API, the playground and the predictor read it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

InputKind = Literal["number", "category", "flag", "date", "text", "image", "count", "history"]
"""A count is a whole number from `minimum` to `maximum`; a history is a list of records or of bare values."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """One named input. A missing value is accepted where `optional`; a category outside `values` counts as unseen.

    `minimum` and `maximum` are what training saw, shown and drawn but not enforced. `example` is a real value of the
    training data (images: null). For images `height`, `width`, `channels` say what the network computes on; any size
    is accepted.
    """

    name: str
    kind: InputKind
    optional: bool = True
    values: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    example: Any = None
    height: int | None = None
    width: int | None = None
    channels: int | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """A named part of every prediction; where `width` is not 0, that many of them, -1 for as many as there are; and of
    each `depth`, where that is not 0. `float` is single precision."""

    name: str
    type: Literal["text", "float", "double"]
    width: int = 0
    depth: int = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """The shape of the part in one prediction, -1 where it differs."""
        return tuple(size for size in (self.width, self.depth) if size)


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a prediction says.

    `label`: one of `labels`, with a probability each. `value`: a number, in the unit of the target column. `anomaly`:
    how strange a row is, the label "anomaly" or "normal", and the column that makes it strange. `levels` are those at
    which an interval around a value can be asked for (0.9: nine of ten true values lie inside). `forecast`: values of
    the steps ahead, their moments, and for each of `labels` (0.1 to 0.9) that quantile of each step.
    """

    kind: Literal["label", "value", "anomaly", "forecast"]
    name: str
    labels: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a prediction, in the order in which they are written."""
        match self.kind:
            case "label":
                return (
                    Part(name="label", type="text"),
                    Part(name="score", type="float"),
                    Part(name="probabilities", type="float", width=len(self.labels)),
                )
            case "value":
                return (Part(name="value", type="double"),)
            case "anomaly":
                return (
                    Part(name="label", type="text"),
                    Part(name="score", type="double"),
                    Part(name="percentile", type="double"),
                    Part(name="reason", type="text"),
                )
            case "forecast":
                return (
                    Part(name="values", type="double", width=-1),
                    Part(name="timestamps", type="text", width=-1),
                    Part(name="quantiles", type="double", width=-1, depth=len(self.labels)),
                )


@dataclass(frozen=True, kw_only=True)
class Signature:
    """The inputs in order, and the output."""

    task: str
    inputs: tuple[Input, ...]
    output: Output

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            task=value["task"],
            inputs=tuple(Input(**{**item, "values": tuple(item["values"])}) for item in value["inputs"]),
            output=Output(
                **{
                    **value["output"],
                    "labels": tuple(value["output"]["labels"]),
                    "levels": tuple(value["output"].get("levels", ())),
                }
            ),
        )
