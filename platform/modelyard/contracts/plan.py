"""Plan: everything that training is told. `plan.json` in the folder of the run; frozen when the run is requested."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class Split:
    """How rows are parted. Shares are of all rows; the test part is seen by nothing but the final report."""

    validation: float = 0.15
    test: float = 0.15
    method: str = "stratified"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One attempt to fit one model template to one data set version.

    `data` is the absolute folder of the ingested version (read only) on the machine that trains; `kinds` the kind of
    each column that is used, the target's included; `target` is None for images, where the class folder is the target.
    `max_seconds` is the wall-clock budget that the quota was reserved for.
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
