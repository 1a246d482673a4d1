"""What the templates for texts share: how many members, epochs and texts at a time, and how long training takes."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.spec import Estimate
from modelyard.contracts.profile import Profile

SECONDS_AROUND = (20.0, 80.0)
"""Start, linear branch, export and verification."""
SPEED = (0.6e10, 4e10)
"""Floating-point operations a second: a busy pair of CPU cores, an idle one."""
WORK = 2.5e12
"""Floating-point operations that a training with automatic settings may take: minutes on two CPU cores."""
MOST_EPOCHS, FEWEST_EPOCHS = 12, 4
MOST_WEIGHTS = 2e7
"""Of the linear branches of all members."""
USUAL_TOKENS = 64


def choose_members(rows: int, weights: int) -> int:
    """The number of members where a person leaves it open; 0 for one network and a held-out part."""
    affordable = int(MOST_WEIGHTS / max(1, weights))
    for limit, members in ((6000, 5), (20_000, 3)):
        if rows <= limit and affordable >= 2:
            return min(members, affordable)
    return 0


def choose_batch_size(rows: int) -> int:
    """The batch size where a person leaves it open."""
    for limit, size in ((1000, 16), (5000, 32), (20_000, 64), (100_000, 128)):
        if rows <= limit:
            return size
    return 256


def count_operations(tokens: int, hyperparameters: Mapping[str, Any]) -> float:
    """Floating-point operations to train on one text once: two a weight forward, four backward."""
    embedding, width = float(hyperparameters["embedding"]), float(hyperparameters["width"])
    if hyperparameters["reader"] == "transformer":
        return 6.0 * tokens * float(hyperparameters["blocks"]) * (8 * embedding * embedding + 2 * tokens * embedding)
    return 6.0 * tokens * embedding * width * 9


def choose_epochs(rows: int, tokens: int, hyperparameters: Mapping[str, Any], members: int) -> int:
    """The number of epochs where a person leaves it open: as many as `WORK` allows."""
    affordable = WORK / (count_operations(tokens, hyperparameters) * max(1, members) * max(rows, 1))
    return int(min(MOST_EPOCHS, max(FEWEST_EPOCHS, affordable)))


def estimate(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for so many texts of usual length."""
    rows = int(profile.rows * 0.85)
    members = choose_members(rows, 1) if hyperparameters["members"] is None else hyperparameters["members"]
    epochs = hyperparameters["epochs"] or choose_epochs(rows, USUAL_TOKENS, hyperparameters, members)
    work = count_operations(USUAL_TOKENS, hyperparameters) * max(1, members) * rows * epochs
    steps = epochs * (1 + rows / (hyperparameters["batch_size"] or choose_batch_size(rows)))
    budget = hyperparameters["max_minutes"] * 60
    low, high = (min(budget, work / speed + 0.005 * steps) for speed in reversed(SPEED))
    return Estimate(low=SECONDS_AROUND[0] + low, high=SECONDS_AROUND[1] + high)
