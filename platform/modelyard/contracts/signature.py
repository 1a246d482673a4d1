"""Signature: what a model takes and gives; `signature.json` in an artifact.

The API, the playground and the predictor read it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

InputKind = Literal["number", "category", "flag", "date", "text", "image"]


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
class Output:
    """`label`: one of `labels`, with a probability each. `value`: a number, in the unit of the target column."""

    kind: Literal["label", "value"]
    name: str
    labels: tuple[str, ...] = ()


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
            output=Output(**{**value["output"], "labels": tuple(value["output"]["labels"])}),
        )
