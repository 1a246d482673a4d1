"""The time of a run, and what of it is kept for what comes after training.

A run has to be over at a given moment. Judging, exporting and verifying come after training; how long they will take is
not known before they begin, but it follows from what training itself took: exporting and loading a network is tracing
it again a few times, and judging is answering every row.
"""

import math
import time
from dataclasses import dataclass

FIRST_GUESS_SECONDS = 8.0
BASE_SECONDS = 3.0
TRACES = 2.0
"""Exporting, verifying and answering take about this many times what tracing and compiling for training took."""
FORWARD_SHARE = 0.5
"""Answering a row takes less than this share of a step's time for it."""
LARGEST_SHARE = 0.5


@dataclass(kw_only=True)
class Budget:
    """`ends_at` (`time.time()`) is when the run must be over. What was compiled and how fast rows are is learned."""

    ends_at: float = math.inf
    began_at: float = 0.0
    compiled_seconds: float = 0.0
    seconds_a_row: float = 0.0
    rows_to_answer: int = 0

    @property
    def reserve(self) -> float:
        """Seconds to keep for what comes after training, never more than half of all."""
        seconds = FIRST_GUESS_SECONDS
        if self.compiled_seconds:
            answering = FORWARD_SHARE * self.seconds_a_row * self.rows_to_answer
            seconds = BASE_SECONDS + TRACES * self.compiled_seconds + answering
        return min(seconds, LARGEST_SHARE * (self.ends_at - self.began_at))

    @property
    def training_ends_at(self) -> float:
        return self.ends_at - self.reserve if math.isfinite(self.ends_at) else self.ends_at

    @property
    def seconds_left(self) -> float:
        """Until the very end."""
        return self.ends_at - time.time()
