"""Progress: what training, ingesting and scoring say while they work, one JSON object a line on standard output.

The supervisor reads the lines, records them and publishes them. A line that is not JSON is log text.
A person's "finish now" is a file named `finish` in the folder of the run, looked for after every step;
"cancel" is SIGTERM.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Phase = Literal[
    "starting",
    "reading",
    "preparing",
    "training",
    "evaluating",
    "exporting",
    "verifying",
    "predicting",
    "writing",
    "done",
]
Event = Literal["phase", "step", "epoch", "log", "device", "failure", "done"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One thing said. Which fields are set depends on `event`.

    phase: `phase`. step: `epoch`, `epochs`, `step`, `steps`, `metrics` (so far in this epoch), `fraction`,
    `eta_seconds`.
    epoch: `epoch`, `epochs`, `metrics` (`loss`, `val_loss`, `accuracy`, `val_accuracy`, …), `fraction`, `eta_seconds`.
    log: `level`, `message`. device: `device` (kind, name, memory_bytes, used_bytes, utilisation 0..1).
    failure: `code`, `message`, `sentence` (the message in parts), `hint`.
    Scoring counts rows in `step` and `steps`; its `metrics` are `failed` rows and `rate`, rows a second.
    done: `metrics` is {"train": {…}, "validation": {…}, "test": {…}}.
    `fraction` is the share of the whole run that is done, 0..1.
    """

    event: Event
    phase: Phase | None = None
    epoch: int | None = None
    epochs: int | None = None
    step: int | None = None
    steps: int | None = None
    fraction: float | None = None
    eta_seconds: float | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    level: str | None = None
    message: str | None = None
    sentence: Mapping[str, Any] | None = None
    code: str | None = None
    hint: str | None = None
    device: Mapping[str, Any] | None = None

    def to_line(self) -> str:
        said = {key: value for key, value in asdict(self).items() if value is not None and value != {}}
        return json.dumps(said, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Raises `ValueError` where the line is no progress (plain output of a library, say)."""
        value = json.loads(line)
        if not isinstance(value, dict) or "event" not in value:
            raise ValueError("no progress line")
        try:
            return cls(**value)
        except TypeError as fault:
            raise ValueError(str(fault)) from fault
