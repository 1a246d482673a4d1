"""Tables to classes: a group of RealMLP networks."""

from modelyard.catalog.parameters import CLASSIFICATION_LOSS, label_smoothing
from modelyard.catalog.spec import ModelTemplate
from modelyard.catalog.tables import estimate_seconds, table_parameters

TEMPLATE = ModelTemplate(
    slug="tabular_classifier",
    version=1,
    title="Table classifier",
    summary=(
        "Tells which of several classes a row belongs to, from numbers, categories, yes/no "
        "columns, dates and short texts."
    ),
    task="classification",
    input_kind="table",
    parameters=(
        *table_parameters(learning_rate=0.015),
        CLASSIFICATION_LOSS,
        label_smoothing(0.0),
    ),
    estimate=estimate_seconds,
    examples=("Will this customer leave?", "Which species is this?", "Is this payment fraud?"),
    details=(
        "Several small networks after the RealMLP recipe (Holzmüller, Grinsztajn and Steinwart, 2024) train side by "
        "side in one "
        "program. Each leaves out a different fold of the rows, which serves to judge it, and their average "
        "predicts. Numbers "
        "are scaled so that outliers do no harm; missing values, categories never seen before and dates are handled, "
        "so a table "
        "can be used as it is. Good for tables from a hundred rows up; no setting needs to be touched."
    ),
    tags=("table", "classes", "probabilities"),
)
