"""The columns that a model needs, and those that its predictions get."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.signature import Output, Signature
from modelyard.features import load_features
from modelyard.features.series.features import SeriesFeatures
from modelyard.features.table import TableFeatures
from workers.ingesting.findings import Findings, Rejected, listed, shown
from workers.serving.models.predictions import HIGH, LOW

PREFIX = "predicted_"
ERROR = "prediction_error"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What a model looks at. `required` must be a column of the file; without the others a row is answered too."""

    names: frozenset[str]
    required: frozenset[str]
    takes_images: bool
    output: Output

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read them from an artifact."""
        signature = Signature.from_json(read_json(folder / artifact.SIGNATURE))
        features = load_features(read_json(folder / artifact.FEATURES))
        names = frozenset(item.name for item in signature.inputs)
        needed = frozenset(item.name for item in signature.inputs if not item.optional)
        if isinstance(features, TableFeatures):
            needed |= features.required & names
        if isinstance(features, SeriesFeatures):
            needed |= {features.columns.time}
        images = any(item.kind == "image" for item in signature.inputs)
        return cls(names=names, required=names if images else needed, takes_images=images, output=signature.output)

    def are_named_by(self, cells: Collection[str]) -> bool:
        """Whether a row with these cells is the header of rows that can be answered."""
        return self.required <= set(cells) and not self.names.isdisjoint(cells)

    def refuse_repeated(self, names: Iterable[str]) -> None:
        """Raise `Rejected` where a column that the model looks at is there twice: nobody could say which one counts."""
        repeated = sorted(name for name, count in Counter(names).items() if count > 1 and name in self.names)
        if repeated:
            raise Rejected(
                "repeated_names",
                _(
                    "More than one column is named {repeated}, which the model looks at. Rename or remove one.",
                    repeated=listed(map(shown, repeated)),
                ),
                column=repeated[0],
            )

    def judge(self, columns: Collection[str], findings: Findings) -> None:
        """Raise `Rejected` where the file lacks what the model needs; warn where it lacks what the model could use."""
        present = set(columns)
        if not self.are_named_by(present):
            missing = sorted((self.required or self.names) - present)
            raise Rejected(
                "missing_columns",
                _(
                    "The file lacks columns that the model needs: {missing}. It has: {present}. Add or rename them; "
                    "capital letters count.",
                    missing=listed(map(shown, missing), 20),
                    present=listed(map(shown, columns), 20),
                ),
                column=missing[0],
            )
        absent = sorted(self.names - present)
        if absent:
            findings.warn(
                "absent_columns",
                _(
                    "The file lacks columns that the model can do without: {absent}. Their values count as missing.",
                    absent=listed(map(shown, absent), 20),
                ),
            )


def name_predictions(output: Output, taken: Collection[str], *, with_ends: bool = False) -> tuple[str, ...]:
    """Return the names of the added columns, the error last; none of them is a column of the file.

    `with_ends` are those of the intervals around values.
    """
    wanted = ["label", "score", *(f"probability_{label}" for label in output.labels)]
    if output.kind == "forecast":
        wanted = ["value", *(f"quantile_{label}" for label in output.labels)]
    elif output.kind != "label":
        wanted = [part.name for part in output.parts]
    wanted += [LOW, HIGH] if with_ends else []
    used = set(taken)
    names = []
    for name in [*(PREFIX + one for one in wanted), ERROR]:
        free, number = name, 1
        while free in used:
            number += 1
            free = f"{name}_{number}"
        used.add(free)
        names.append(free)
    return tuple(names)


def spread(prediction: Mapping[str, Any], labels: Sequence[str]) -> list[str | float | None]:
    """A prediction in the order of the columns that `name_predictions` names, without the error."""
    if "quantiles" in prediction:
        return [prediction["values"][0], *(prediction["quantiles"][label][0] for label in labels)]
    if "probabilities" not in prediction:
        return list(prediction.values())
    probabilities = prediction["probabilities"]
    return [prediction["label"], prediction["score"], *(probabilities[label] for label in labels)]
