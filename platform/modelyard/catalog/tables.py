"""What the two templates for tables share: their hyper-parameters and how long they take."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.parameters import dropout, optimisation, stopping_rules, weight_decay
from modelyard.catalog.spec import Choice, Estimate, Flag, Integer, Parameter
from modelyard.contracts.profile import Profile

WORK = 6e12
"""Floating-point operations that a training with automatic settings may take: minutes on two CPU cores."""
MOST_EPOCHS, FEWEST_EPOCHS = 64, 12
SECONDS_AROUND = (20.0, 70.0)
"""Start, export and verification, which no setting changes."""
SPEED = (1.5e10, 8e10)
"""Floating-point operations a second: a busy pair of CPU cores, an idle one."""


TASK = Choice(
    name="task",
    title="Task",
    help="Predict which class a row belongs to, or a number? Left open, it follows from the column to predict.",
    default="auto",
    choices={"auto": "What the target is", "classification": "A class", "regression": "A number"},
)
"""For templates that can do either."""


def table_parameters(*, learning_rate: float) -> tuple[Parameter, ...]:
    return (
        *stopping_rules(
            epochs=None,
            epochs_help="How often training goes over all rows, at most. Empty: 64 for small tables, fewer for large.",
            patience=12,
        ),
        Integer(
            name="members",
            title="Members",
            help="Networks trained side by side, each without a different fold of the rows; their average predicts. "
            "More are better and slower. Empty: 8 for small tables, fewer for large ones.",
            default=None,
            minimum=1,
            maximum=16,
            optional=True,
        ),
        Integer(
            name="width",
            title="Width",
            help="Units in each hidden layer.",
            default=128,
            minimum=8,
            maximum=512,
            unit="units",
            advanced=True,
        ),
        Integer(
            name="depth",
            title="Depth",
            help="Hidden layers.",
            default=3,
            minimum=1,
            maximum=6,
            unit="layers",
            advanced=True,
        ),
        dropout(0.15),
        weight_decay(0.02),
        Flag(
            name="number_embeddings",
            title="Embed numbers",
            help="Let the network bend every number column on its own first; finds thresholds and periods.",
            default=True,
            advanced=True,
        ),
        *optimisation(learning_rate=learning_rate, optimizer="adam", schedule="one_cycle"),
    )


def choose_batch_size(rows: int) -> int:
    """The batch size where a person leaves it open."""
    for limit, size in ((1024, 64), (8192, 128), (30_000, 256), (100_000, 512)):
        if rows <= limit:
            return size
    return 1024


def choose_members(rows: int) -> int:
    """The number of members where a person leaves it open."""
    for limit, members in ((5000, 8), (50_000, 4), (200_000, 2)):
        if rows <= limit:
            return members
    return 1


def count_operations(inputs: int, width: int, depth: int, members: int) -> float:
    """Floating-point operations to train on one row once: two a weight forward, four backward."""
    return 6.0 * members * width * (inputs + (depth - 1) * width + 1)


def choose_epochs(rows: int, inputs: int, width: int, depth: int, members: int) -> int:
    """The number of epochs where a person leaves it open: as many as `WORK` allows."""
    affordable = WORK / (count_operations(inputs, width, depth, members) * max(rows, 1))
    return int(min(MOST_EPOCHS, max(FEWEST_EPOCHS, affordable)))


def estimate_seconds(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for a table of this size."""
    rows = int(profile.rows * 0.85)
    inputs = 4 * max(1, len(profile.columns) - 1)
    width, depth = hyperparameters["width"], hyperparameters["depth"]
    members = hyperparameters["members"] or choose_members(rows)
    epochs = hyperparameters["epochs"] or choose_epochs(rows, inputs, width, depth, members)
    steps = epochs * (1 + rows / (hyperparameters["batch_size"] or choose_batch_size(rows)))
    work = count_operations(inputs, width, depth, members) * rows * epochs
    budget = hyperparameters["max_minutes"] * 60
    low, high = (min(budget, work / speed + 0.002 * steps) for speed in reversed(SPEED))
    return Estimate(low=SECONDS_AROUND[0] + low, high=SECONDS_AROUND[1] + high)
