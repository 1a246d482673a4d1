"""How the learning rate and the strength of regularisation change from the first step (0) to the last (1)."""

import math

WARM_UP = 0.2
LAST = 0.01
WAVES = 4


def rate_at(schedule: str, progress: float) -> float:
    """Return the factor of the learning rate. Raises `KeyError` for an unknown schedule."""
    return {"cos_log": _cos_log, "one_cycle": _one_cycle, "cosine": _cosine, "constant": _constant}[schedule](progress)


def settles_from(schedule: str) -> float:
    """The share of training after which results tell how good it will be: where the rate falls to the very end, an
    epoch before its last third says little of those after, and patience must not count it."""
    return {"one_cycle": 2 / 3, "cosine": 2 / 3}.get(schedule, 0.0)


def strength_at(progress: float) -> float:
    """Dropout and weight decay: full for the first half, then gently down to nothing (flat-cos)."""
    return 1.0 if progress < 0.5 else 0.5 * (1 + math.cos(math.pi * (2 * progress - 1)))


def _cos_log(progress: float) -> float:
    """Waves that double in length (RealMLP); each wave's end is a place where a good epoch can be found."""
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + (2**WAVES - 1) * progress)))


def _one_cycle(progress: float) -> float:
    if progress < WARM_UP:
        return LAST + (1 - LAST) * progress / WARM_UP
    return 1 - (1 - LAST) * (progress - WARM_UP) / (1 - WARM_UP)


def _cosine(progress: float) -> float:
    return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * progress))


def _constant(progress: float) -> float:
    return 1.0
