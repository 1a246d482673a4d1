"""A batch prediction: what scoring is told, what it finds in the file, how far it is. JSON in the folder of the work.

    plan.json          `BatchPlan`, written by the platform
    survey.json        `Survey`: the whole file was read once and can be answered
    parts/00000000     one chunk of the result each, in the format of the result
    tally.json         `Tally`: chunks that are whole; written after each part, so that another attempt goes on there

The result lies in a folder of its own, `result` in it. Exit status 0 once a step is done; a refusal is told as
progress.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, get_args

from modelyard.contracts.profile import Problem

ResultFormat = Literal["csv", "jsonl", "parquet"]
RESULT_FORMATS: tuple[ResultFormat, ...] = get_args(ResultFormat)

PLAN = "plan.json"
SURVEY = "survey.json"
TALLY = "tally.json"
PARTS = "parts"
RESULT = "result"


@dataclass(frozen=True, kw_only=True)
class BatchPlan:
    """`source` is the file that came, `artifact` the model's folder, `result` the folder that the result goes into.

    With an `interval` (0.9) values come with the ends between which that share of true values is expected.
    """

    source: str
    artifact: str
    sha256: str
    result: str
    wanted: ResultFormat | None = None
    interval: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What the first reading found. `names` are the columns of the result, predictions included."""

    rows: int
    came: str
    format: ResultFormat
    names: tuple[str, ...]
    added: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(
            rows=value["rows"],
            came=value["came"],
            format=value["format"],
            names=tuple(value["names"]),
            added=tuple(value["added"]),
            warnings=tuple(Problem.from_json(problem) for problem in value["warnings"]),
        )


@dataclass(kw_only=True)
class Tally:
    """How far it is, and what came out so far.

    `faults` are the reasons why rows were not answered, `{reason: {"count", "row"}}` with the first row of each;
    `labels` counts the classes that were named; `values` sums up numbers: count, sum, minimum, maximum. `defused` are
    cells that a spreadsheet would have run as a formula.
    """

    chunks: int = 0
    rows: int = 0
    failed: int = 0
    defused: int = 0
    faults: dict[str, dict[str, int]] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)

    def frequent_faults(self) -> list[tuple[str, dict[str, int]]]:
        """The reasons why rows were not answered, the most frequent first."""
        return sorted(self.faults.items(), key=lambda fault: (-fault[1]["count"], fault[1]["row"]))

    def describe_values(self) -> dict[str, float] | None:
        """Mean, minimum and maximum of predicted numbers; None where no number was predicted."""
        if not self.values.get("count"):
            return None
        mean = self.values["sum"] / self.values["count"]
        return {"mean": mean, "minimum": self.values["minimum"], "maximum": self.values["maximum"]}
