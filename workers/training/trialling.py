"""A short measured trial: do steps run faster when XLA compiles them, or with products of bfloat16?"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Self

import tensorflow as tf

from workers.training.engine import PLAIN, Engine, Way

MEASURED_SECONDS = 1.0
WORTH = 1.1
PROBED_STEPS = 16
ALIKE = 0.05
"""By which share of itself the mean loss of the first steps may differ where fewer bits are used."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Steps a second of each way. `xla` is 0 where it was not tried or cannot compile this network, `mixed` where it is
    not to be mixed, or learns something else then. `compile_seconds` is how long XLA took."""

    plain: float
    xla: float
    mixed: float
    compile_seconds: float
    uses_xla: bool
    uses_mixed: bool

    @property
    def way(self) -> Way:
        return Way(fused=self.uses_xla, mixed=self.uses_mixed)

    def __str__(self) -> str:
        ways = [(self.plain, "plainly"), (self.xla, "compiled by XLA"), (self.mixed, "with bfloat16")]
        found = ", ".join(f"{speed:.4g} {way}" for speed, way in ways if speed)
        used = [name for name, is_used in (("XLA", self.uses_xla), ("bfloat16", self.uses_mixed)) if is_used]
        return f"Steps a second: {found}. Used: {' and '.join(used) or 'neither XLA nor bfloat16'}."

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Self:
        return cls(**said)


Run = Callable[[int], float]


def try_ways(engine: Engine, run: Run, *, most_steps: int, plain: float, with_xla: bool) -> Trial:
    """Let the engine use what is faster than the `plain` steps a second that it makes now: XLA first, then, with or
    without it, mixed precision.

    `run` makes so many first steps and returns the sum of their losses. What they do to the variables is undone.
    """
    bench = _Bench(engine, run, most_steps)
    try:
        xla, compile_seconds = bench.measure(Way(fused=True, mixed=False)) if with_xla else (0.0, 0.0)
        uses_xla = xla >= WORTH * plain
        best, mixed = max(plain, xla) if uses_xla else plain, 0.0
        if engine.network.mix is not None and bench.learns_alike(Way(fused=uses_xla, mixed=True)):
            mixed, _ = bench.measure(Way(fused=uses_xla, mixed=True))
        trial = Trial(
            plain=plain,
            xla=xla,
            mixed=mixed,
            compile_seconds=compile_seconds,
            uses_xla=uses_xla,
            uses_mixed=mixed >= WORTH * best,
        )
    except BaseException:
        engine.choose(PLAIN)
        raise
    finally:
        bench.restore()
    engine.choose(trial.way)
    return trial


class _Bench:
    """Runs the same first steps in several ways, from the same variables."""

    def __init__(self, engine: Engine, run: Run, most_steps: int) -> None:
        self._engine = engine
        self._run = run
        self._most_steps = most_steps
        self._kept = [variable.numpy() for variable in engine.variables]

    def restore(self) -> None:
        for variable, value in zip(self._engine.variables, self._kept, strict=True):
            variable.assign(value)

    def measure(self, way: Way) -> tuple[float, float]:
        """Return steps a second, over as many as take a second, and how long the first one took; (0, 0) where the
        network has operations that this way does not know."""
        self._engine.choose(way)
        try:
            began = time.monotonic()
            self._run(1)
            compile_seconds = time.monotonic() - began
            count = 1
            while True:
                began = time.monotonic()
                self._run(count)
                took = time.monotonic() - began
                if took >= MEASURED_SECONDS or count >= self._most_steps:
                    return count / took, compile_seconds
                count = min(self._most_steps, 4 * count)
        except (tf.errors.OpError, TypeError, ValueError):
            return 0.0, 0.0

    def learns_alike(self, way: Way) -> bool:
        """Whether the first steps have about the same loss as plainly."""
        count = min(PROBED_STEPS, self._most_steps)
        losses = []
        try:
            for tried in (PLAIN, way):
                self.restore()
                self._engine.choose(tried)
                losses.append(self._run(count))
        except (tf.errors.OpError, TypeError, ValueError):
            return False
        return math.isclose(losses[0], losses[1], rel_tol=ALIKE)
