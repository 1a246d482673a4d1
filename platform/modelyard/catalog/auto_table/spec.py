"""Tables to classes or numbers: several kinds of models, blended."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog import tables
from modelyard.catalog.boosted_trees.spec import estimate_seconds as estimate_trees
from modelyard.catalog.spec import Estimate, Integer, ModelTemplate, Real
from modelyard.contracts.profile import Profile

CANDIDATES = {
    "linear": "Linear model",
    "trees": "Boosted trees",
    "network": "Network (RealMLP)",
    "hidden": "Boosted trees, many columns hidden",
    "large": "Boosted trees, large",
    "calm": "Network, wider and calmer",
}
"""In the order in which they are tried."""
TREES = {"epochs": 1000, "members": None}
NETWORK = {"width": 128, "depth": 3, "members": None, "epochs": None, "batch_size": None}


def estimate_seconds(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for a table of this size: about half of the candidates are trees, half networks."""
    budget = hyperparameters["max_minutes"] * 60
    limit = {"max_minutes": hyperparameters["max_minutes"]}
    trees = estimate_trees(profile, {**TREES, **limit})
    network = tables.estimate_seconds(profile, {**NETWORK, **limit})
    count = hyperparameters["candidates"] / 2
    low, high = (
        min(budget + 60, count * (first + second))
        for first, second in ((trees.low, network.low), (trees.high, network.high))
    )
    return Estimate(low=low, high=high)


TEMPLATE = ModelTemplate(
    slug="auto_table",
    version=1,
    title="Best of all, for tables",
    summary="Tries linear models, boosted trees and networks within a time budget and blends what suits this table.",
    task="either",
    method="blend",
    input_kind="table",
    parameters=(
        tables.TASK,
        Real(
            name="max_minutes",
            title="Time budget",
            help="Candidates are trained while there is time; the one that is under way then keeps its best so far.",
            default=10.0,
            minimum=0.5,
            maximum=1440.0,
            unit="minutes",
        ),
        Integer(
            name="candidates",
            title="Candidates",
            help="How many kinds of models are tried, at most: a linear model, boosted trees, a network, then others.",
            default=len(CANDIDATES),
            minimum=1,
            maximum=len(CANDIDATES),
        ),
    ),
    estimate=estimate_seconds,
    examples=("Whatever the table asks: take this one first", "Will this customer leave?", "What will it cost?"),
    details=(
        "Every candidate is trained on the same folds of the rows, so that each row is answered by members that have "
        "not seen it. By these answers a greedy search (Caruana and others, 2004) chooses how much each candidate has "
        "to say in the blend. The report shows a leaderboard: the held-out loss of each candidate, how long it took "
        "to train, how long it takes to answer, and its weight. The blend is one ONNX graph, served like any model."
    ),
    tags=("table", "classes", "numbers", "automatic"),
    terms=tuple(CANDIDATES.values()),
)
