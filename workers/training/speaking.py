"""Progress on standard output, a JSON line each: every epoch, and steps not more often than a person can read."""

import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from modelyard.contracts.progress import Phase, Progress
from modelyard.contracts.sentences import Sentence

SECONDS_BETWEEN_STEPS = 0.3


class Speaker:
    """Says what happens. `fraction` is of the whole run, of which every phase has its share."""

    SHARES: Mapping[str, tuple[float, float]] = {
        "starting": (0.0, 0.02),
        "reading": (0.02, 0.04),
        "preparing": (0.04, 0.08),
        "training": (0.08, 0.84),
        "evaluating": (0.84, 0.88),
        "exporting": (0.88, 0.95),
        "verifying": (0.95, 1.0),
        "done": (1.0, 1.0),
    }

    def __init__(self) -> None:
        self._said_at = 0.0
        self._phase: Phase = "starting"

    def phase(self, phase: Phase) -> None:
        self._phase = phase
        self._say(Progress(event="phase", phase=phase, fraction=self._fraction(0.0)))

    def log(self, message: str, level: str = "info") -> None:
        self._say(Progress(event="log", level=level, message=message))

    def device(self, device: Mapping[str, Any]) -> None:
        self._say(Progress(event="device", device=device))

    def step(self, progress: float, eta_seconds: float | None, **fields: Any) -> None:
        """Say where training is, unless it was said a moment ago. `progress` is the share of training, 0..1."""
        now = time.monotonic()
        if now - self._said_at < SECONDS_BETWEEN_STEPS:
            return
        self._said_at = now
        self._say(Progress(event="step", fraction=self._fraction(progress), eta_seconds=eta_seconds, **fields))

    def epoch(self, progress: float, eta_seconds: float | None, **fields: Any) -> None:
        """Say how an epoch ended: every one is kept."""
        self._say(Progress(event="epoch", fraction=self._fraction(progress), eta_seconds=eta_seconds, **fields))

    def failure(self, code: str, said: Sentence, hint: str) -> None:
        self._say(Progress(event="failure", code=code, message=str(said), sentence=asdict(said), hint=hint))

    def done(self, metrics: Mapping[str, Any]) -> None:
        self._say(Progress(event="done", phase="done", fraction=1.0, metrics=metrics))

    def _fraction(self, progress: float) -> float:
        low, high = self.SHARES[self._phase]
        return round(low + (high - low) * min(max(progress, 0.0), 1.0), 4)

    @staticmethod
    def _say(progress: Progress) -> None:
        sys.stdout.write(progress.to_line() + "\n")
        sys.stdout.flush()


class PartSpeaker(Speaker):
    """Says what one candidate of several does: its steps as a part of the training, its epochs as steps."""

    def __init__(self, whole: Speaker, *, first: float, share: float) -> None:
        super().__init__()
        self._whole = whole
        self._first = first
        self._share = share

    def phase(self, phase: Phase) -> None:
        """A candidate has no phases of its own."""

    def log(self, message: str, level: str = "info") -> None:
        self._whole.log(message, level)

    def device(self, device: Mapping[str, Any]) -> None:
        self._whole.device(device)

    def step(self, progress: float, eta_seconds: float | None, **fields: Any) -> None:
        self._whole.step(self._first + self._share * min(progress, 1.0), None, **fields)

    def epoch(self, progress: float, eta_seconds: float | None, **fields: Any) -> None:
        self.step(progress, eta_seconds, **fields)
