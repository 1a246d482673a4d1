"""Series to forecasts: classical models and a network, tried on the past and blended."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.spec import Choice, Estimate, Integer, ModelTemplate, Real
from modelyard.contracts.profile import Profile

CANDIDATES = {
    "naive": "Last value",
    "drift": "Last value with drift",
    "median": "Recent median",
    "seasonal_naive": "Last season",
    "seasonal_drift": "Last season with drift",
    "seasonal_mean": "Mean of seasons",
    "theta": "Theta",
    "smoothing": "Exponential smoothing",
    "lasting": "Exponential smoothing, lasting trend",
    "log_smoothing": "Exponential smoothing of logarithms",
    "log_lasting": "Exponential smoothing of logarithms, lasting trend",
    "network": "Network",
}
PERIODS = ("month", "quarter", "year", "second", "minute", "hour", "day", "week", "working day", "step")
"""What a period may be called in a report."""
NETWORKS = {"auto": "Where there is enough to learn from", "always": "Always", "never": "Never"}
START = (15.0, 45.0)
SECONDS_A_ROW = (2e-5, 6e-4)
"""To fit and try the classical candidates."""
SECONDS_A_STEP = (0.002, 0.02)
FEW_ROWS = 300


def estimate_seconds(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for so many rows: the candidates, then three networks."""
    budget = hyperparameters["max_minutes"] * 60
    learns = hyperparameters["network"] == "always" or (
        hyperparameters["network"] == "auto" and profile.rows > FEW_ROWS
    )
    steps = 2.5 * hyperparameters["steps"] if learns else 0.0
    low, high = (
        min(budget, profile.rows * row + steps * step) for row, step in zip(SECONDS_A_ROW, SECONDS_A_STEP, strict=True)
    )
    return Estimate(low=START[0] + low / 4, high=START[1] + high)


TEMPLATE = ModelTemplate(
    slug="forecaster",
    version=1,
    title="Forecaster",
    summary="Forecasts one or thousands of series, with a range for every step: sales, demand, traffic, temperatures.",
    task="forecasting",
    method="forecasts",
    input_kind="series",
    parameters=(
        Integer(
            name="horizon",
            title="Horizon",
            help="How many periods ahead to forecast. Empty: two years of months or quarters, a year of weeks, four "
            "weeks of days, two days of hours, less where the series are short.",
            default=None,
            minimum=1,
            maximum=2000,
            optional=True,
            unit="periods",
        ),
        Integer(
            name="season",
            title="Season",
            help="After how many periods a pattern repeats: 12 for months, 7 for days, 1 for none. Empty: found from "
            "the moments.",
            default=None,
            minimum=1,
            maximum=2000,
            optional=True,
            unit="periods",
        ),
        Real(
            name="max_minutes",
            title="Time budget",
            help="The networks are trained within this time; the classical models take seconds.",
            default=10.0,
            minimum=0.1,
            maximum=1440.0,
            unit="minutes",
        ),
        Choice(
            name="network",
            title="Network",
            help="Whether a network is trained beside the classical models. It learns from all series together.",
            default="auto",
            choices=NETWORKS,
        ),
        Integer(
            name="steps",
            title="Steps",
            help="Steps of training, at most. The weights that forecast the validation windows best are kept.",
            default=2000,
            minimum=1,
            maximum=1_000_000,
            advanced=True,
        ),
        Integer(
            name="patience",
            title="Patience",
            help="Stop after this many checks, one every 100 steps, without a better result. 0: never.",
            default=6,
            minimum=0,
            maximum=10_000,
            unit="checks",
            advanced=True,
        ),
        Integer(
            name="width",
            title="Width",
            help="Units of each layer of the network.",
            default=128,
            minimum=4,
            maximum=1024,
            unit="units",
            advanced=True,
        ),
        Integer(
            name="depth",
            title="Depth",
            help="Residual blocks of the network.",
            default=2,
            minimum=1,
            maximum=8,
            unit="blocks",
            advanced=True,
        ),
        Real(
            name="dropout",
            title="Dropout",
            help="Share of the units that is switched off at random while training, against learning by heart.",
            default=0.2,
            minimum=0.0,
            maximum=0.9,
            advanced=True,
        ),
        Real(
            name="learning_rate",
            title="Learning rate",
            help="How far each step moves the weights, at its highest. Too high: the loss jumps. Too low: it crawls.",
            default=0.001,
            minimum=1e-7,
            maximum=1.0,
            advanced=True,
        ),
    ),
    estimate=estimate_seconds,
    examples=("How much will be sold next month?", "How many calls come tomorrow?", "How warm will it get?"),
    details=(
        "Tries rules and classical models (last season, drift, theta, exponential smoothing with damped and lasting "
        "trends, plain and of logarithms) and, where there is enough to learn from, a network for all series together. "
        "Each forecasts several stretches of the past that it has not seen; by that it is chosen how much it has to "
        "say in the blend. The range of every step comes from how far off the blend was. The last stretch is kept for "
        "the test and never chosen by. Gaps are filled in by season; columns whose future is known, such as holidays "
        "or prices, can be named."
    ),
    tags=("series", "numbers", "ranges"),
    terms=(*CANDIDATES.values(), *PERIODS),
)
