"""Tables to classes or numbers: gradient boosted trees."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.parameters import stopping_rules
from modelyard.catalog.spec import Estimate, Integer, ModelTemplate, Real
from modelyard.catalog.tables import TASK
from modelyard.contracts.profile import Profile

START = (15.0, 40.0)
SECONDS_A_CELL = (4e-9, 4e-8)
"""To look at one value of one column for one tree."""


def estimate_seconds(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for a table of this size."""
    cells = profile.rows * max(1, len(profile.columns) - 1)
    work = cells * hyperparameters["epochs"] * (hyperparameters["members"] or 8)
    budget = hyperparameters["max_minutes"] * 60
    low, high = (min(budget, work * seconds) for seconds in SECONDS_A_CELL)
    return Estimate(low=START[0] + low, high=START[1] + high)


TEMPLATE = ModelTemplate(
    slug="boosted_trees",
    version=1,
    title="Boosted trees",
    summary="Predicts a class or a number by hundreds of small decision trees, each mending the errors of the others.",
    task="either",
    method="trees",
    input_kind="table",
    parameters=(
        TASK,
        *stopping_rules(
            epochs=1000,
            epochs_help="Trees in each member, at most (for several classes: one a class).",
            patience=60,
        ),
        Integer(
            name="members",
            title="Members",
            help="Forests grown side by side, each without a different fold of the rows; their average predicts. "
            "Empty: 8 for small tables, fewer for large ones.",
            default=None,
            minimum=1,
            maximum=16,
            optional=True,
        ),
        Real(
            name="learning_rate",
            title="Learning rate",
            help="How much each tree may change. Lower needs more trees and is often better.",
            default=0.05,
            minimum=0.001,
            maximum=1.0,
            advanced=True,
        ),
        Integer(
            name="leaves",
            title="Leaves",
            help="Leaves of each tree, at most.",
            default=31,
            minimum=2,
            maximum=1024,
            advanced=True,
        ),
        Integer(
            name="min_examples",
            title="Rows in a leaf",
            help="How many rows a leaf must hold at least, against learning by heart.",
            default=5,
            minimum=1,
            maximum=10_000,
            advanced=True,
        ),
        Real(
            name="row_share",
            title="Share of rows",
            help="Share of the rows, drawn anew, that each tree looks at.",
            default=0.8,
            minimum=0.1,
            maximum=1.0,
            advanced=True,
        ),
        Real(
            name="column_share",
            title="Share of columns",
            help="Share of the columns, drawn anew, among which each split chooses.",
            default=0.7,
            minimum=0.05,
            maximum=1.0,
            advanced=True,
        ),
        Real(
            name="l2",
            title="L2 regularisation",
            help="How strongly the values of the leaves are pulled towards zero.",
            default=1.0,
            minimum=0.0,
            maximum=1000.0,
            advanced=True,
        ),
    ),
    estimate=estimate_seconds,
    examples=("What will this house cost?", "Will this customer leave?", "Which machine fails next?"),
    details=(
        "Gradient boosting (Friedman, 2001), grown by Yggdrasil Decision Forests (Guillame-Bert and others, 2023), "
        "the best leaf first. Strong on tables with columns of many kinds, with thresholds and with interactions; "
        "trains in seconds to minutes. Whether it predicts a class or a number follows from the target. The model can "
        "be taken away as ONNX and in the form of Yggdrasil Decision Forests."
    ),
    tags=("table", "classes", "numbers"),
)
