"""A short measured trial: do steps run faster when XLA compiles them?"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import tensorflow as tf

from workers.training.engine import Engine

MEASURED_SECONDS = 1.0
WORTH = 1.1


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Steps a second of both ways; `xla` is 0 where XLA cannot compile this network."""

    plain: float
    xla: float
    compile_seconds: float
    uses_xla: bool

    def __str__(self) -> str:
        words = "is used" if self.uses_xla else "is not used"
        return f"XLA {words}: {self.xla:.4g} steps a second with it, {self.plain:.4g} without."

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def try_xla(engine: Engine, run: Callable[[int], None], *, most_steps: int, plain: float) -> Trial:
    """Let the engine use XLA if that is faster than the `plain` steps a second that it makes now.

    `run` makes so many steps. What they do to the variables is undone.
    """
    kept = [variable.numpy() for variable in engine.variables]
    undo = engine.fuse()
    xla, compile_seconds = 0.0, 0.0
    try:
        began = time.monotonic()
        run(1)
        compile_seconds = time.monotonic() - began
        xla = _measure(run, most_steps)
    except (tf.errors.OpError, TypeError, ValueError):
        pass  # the network has operations that XLA does not know
    finally:
        if xla < WORTH * plain:
            undo()
        for variable, value in zip(engine.variables, kept, strict=True):
            variable.assign(value)
    return Trial(plain=plain, xla=xla, compile_seconds=compile_seconds, uses_xla=xla >= WORTH * plain)


def _measure(run: Callable[[int], None], most_steps: int) -> float:
    """Steps a second, over as many steps as take a second."""
    count = 1
    while True:
        began = time.monotonic()
        run(count)
        took = time.monotonic() - began
        if took >= MEASURED_SECONDS or count >= most_steps:
            return count / took
        count = min(most_steps, 4 * count)
