"""Progress lines on standard output (`modelyard.contracts.progress`)."""

import time

from modelyard.contracts.progress import Phase, Progress

_INTERVAL_SECONDS = 0.25


class Teller:
    """Says where ingesting is; steps are told at most a few times a second."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def phase(self, phase: Phase, fraction: float) -> None:
        self._say(Progress(event="phase", phase=phase, fraction=fraction))

    def step(self, fraction: float, message: str) -> None:
        if time.monotonic() - self._told_at >= _INTERVAL_SECONDS:
            self._say(Progress(event="step", fraction=round(min(max(fraction, 0.0), 1.0), 4), message=message))

    def _say(self, progress: Progress) -> None:
        self._told_at = time.monotonic()
        print(progress.to_line(), flush=True)  # noqa: T201 - the protocol with the supervisor
