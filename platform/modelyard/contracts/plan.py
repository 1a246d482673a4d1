"""Plan: everything that training is told. `plan.json` in the folder of the run; frozen when the run is requested."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

SplitMethod = Literal["stratified", "random", "group", "time", "given"]
SPLIT_METHODS: tuple[SplitMethod, ...] = ("stratified", "random", "group", "time", "given")
PARTS = ("train", "validation", "test")
PART_WORDS: Mapping[str, int] = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("validation", "valid", "val", "dev"), 1),
    **dict.fromkeys(("test", "testing"), 2),
}
"""What a column may call the parts, in lower case, and their places in `PARTS`."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """How rows are parted. Shares are of all rows; the test part is seen by nothing but the final report.

    `column` is the column of the table that the last three methods need:

        stratified  at random, every class with its share in every part
        random      at random
        group       rows with the same value in `column` are never in different parts
        time        by `column`, a date or a number: those of training are the earliest, those of the test the latest
        given       `column` names the part of each row; a part that it never names gets its share of the training rows
    """

    validation: float = 0.15
    test: float = 0.15
    method: SplitMethod = "stratified"
    column: str | None = None

    @property
    def keeps_parts(self) -> bool:
        """Whether it matters which learnable rows judge: folds drawn from all of them would undo the split."""
        return self.method in ("time", "given")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One attempt to fit one model template to one data set version.

    `data` is the absolute folder of the ingested version (read only) on the machine that trains; `kinds` the kind of
    each column that is used, the target's included; `target` is None for images, where the class folder is the target.
    `max_seconds` is the wall-clock budget that the quota was reserved for. `halve_batches` allows a second try with
    batches of half the size where the first one needed more memory than there is. A network is trained on as many as
    `gpus` of the GPUs that its trainer has. `weights` (`contracts.weights`) is what the run builds upon: in its
    folder `weights.keras` for images, `weights/` for texts.
    """

    run: str
    model_template: str
    model_template_version: int
    data: str
    data_kind: str
    data_sha256: str
    target: str | None
    kinds: Mapping[str, str]
    hyperparameters: Mapping[str, Any]
    split: Split = field(default_factory=Split)
    seed: int = 0
    max_seconds: int = 3600
    halve_batches: bool = True
    gpus: int = 1
    weights: Mapping[str, Any] = field(default_factory=dict)
    lineage: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def digest(self) -> str:
        """What checkpoints belong to: the same plan has the same digest wherever the data lies on a machine."""
        content = json.dumps({**self.to_json(), "data": ""}, sort_keys=True, ensure_ascii=False).encode()
        return hashlib.sha256(content).hexdigest()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "split": Split(**value["split"])})
