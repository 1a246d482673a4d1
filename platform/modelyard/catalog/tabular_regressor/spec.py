"""Tables to numbers: a group of RealMLP networks."""

from modelyard.catalog.parameters import REGRESSION_LOSS
from modelyard.catalog.spec import Choice, ModelTemplate
from modelyard.catalog.tables import estimate_seconds, table_parameters

TEMPLATE = ModelTemplate(
    slug="tabular_regressor",
    version=1,
    title="Table regressor",
    summary="Predicts a number for a row, from numbers, categories, yes/no columns, dates and short texts.",
    task="regression",
    input_kind="table",
    parameters=(
        *table_parameters(learning_rate=0.015),
        REGRESSION_LOSS,
        Choice(
            name="target_scale",
            title="Scale of the target",
            help=(
                "Logarithmic suits amounts that span orders of magnitude (prices, counts). "
                "Automatic decides from the training rows."
            ),
            default="auto",
            choices={"auto": "Automatic", "plain": "As it is", "log": "Logarithmic"},
            advanced=True,
        ),
    ),
    estimate=estimate_seconds,
    examples=(
        "What will this house sell for?",
        "How many bikes will be rented this hour?",
        "How much fuel does it use?",
    ),
    details=(
        "Several small networks after the RealMLP recipe (Holzmüller, Grinsztajn and Steinwart, 2024) train side by "
        "side in one "
        "program. Each leaves out a different fold of the rows, which serves to judge it, and their average "
        "predicts. The target "
        "is standardised, on a logarithmic scale where it is skewed, and no prediction leaves the range that "
        "training saw. "
        "Missing values, categories never seen before and dates are handled, so a table can be used as it is."
    ),
    tags=("table", "number"),
)
