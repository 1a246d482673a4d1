"""Progress lines on standard output (`modelyard.contracts.progress`), counted in rows."""

import time

from modelyard.contracts.progress import Phase, Progress

INTERVAL_SECONDS = 0.25


class RowTeller:
    """Says how many rows are done, a few times a second at most."""

    def __init__(self, phase: Phase, rows: int | None = None, done: int = 0) -> None:
        """`rows` are all there are, where that is known; `done` those that an earlier attempt did."""
        self.rows, self.done_before = rows, done
        self.started = time.monotonic()
        self.told = 0.0
        self.begin(phase)

    def begin(self, phase: Phase) -> None:
        self._say(Progress(event="phase", phase=phase))

    def tell(self, done: int, failed: int = 0) -> None:
        now = time.monotonic()
        if done != self.rows and now - self.told < INTERVAL_SECONDS:
            return
        self.told = now
        rate = (done - self.done_before) / max(now - self.started, 1e-3)
        self._say(
            Progress(
                event="step",
                step=done,
                steps=self.rows,
                fraction=done / self.rows if self.rows else None,
                eta_seconds=round((self.rows - done) / rate, 1) if self.rows and rate else None,
                metrics={"failed": failed, "rate": round(rate, 1)},
            )
        )

    def _say(self, progress: Progress) -> None:
        print(progress.to_line(), flush=True)  # noqa: T201 - the protocol with the supervisor
