"""Tables without a target: an autoencoder that finds rows unlike the others."""

from modelyard.catalog.parameters import optimisation, stopping_rules
from modelyard.catalog.spec import Estimate, Integer, ModelTemplate, Real

TEMPLATE = ModelTemplate(
    slug="anomaly_detector",
    version=1,
    title="Anomaly detector",
    summary="Finds rows that are unlike the others and says which column makes them so; nothing has to be labelled.",
    task="anomaly_detection",
    input_kind="table",
    needs_target=False,
    parameters=(
        Real(
            name="share",
            title="Share of anomalies",
            help="How many of the rows are strange, about. It sets the threshold; the scores do not depend on it.",
            default=1.0,
            minimum=0.01,
            maximum=50.0,
            unit="%",
        ),
        *stopping_rules(
            epochs=60, epochs_help="How often training goes over all rows, at most.", patience=10, max_minutes=15.0
        ),
        Integer(
            name="bottleneck",
            title="Bottleneck",
            help="Numbers through which every row has to pass. Few: only broad habits are learned. Many: everything "
            "is copied, the strange as well. Empty: one for every eight inputs.",
            default=None,
            minimum=1,
            maximum=256,
            unit="units",
            optional=True,
        ),
        Integer(
            name="width",
            title="Width",
            help="Units in each hidden layer.",
            default=96,
            minimum=4,
            maximum=512,
            unit="units",
            advanced=True,
        ),
        Real(
            name="masking",
            title="Masking",
            help="Share of the values that is hidden at random while training, so that each is foretold from the rest.",
            default=0.3,
            minimum=0.0,
            maximum=0.9,
            advanced=True,
        ),
        *optimisation(learning_rate=0.004, optimizer="adam", schedule="one_cycle"),
    ),
    estimate=lambda profile, hyperparameters: Estimate(
        low=15, high=60 + profile.rows * hyperparameters["epochs"] / 4e4
    ),
    examples=("Which payments look odd?", "Which machine behaves unlike the others?", "Which records were mistyped?"),
    details=(
        "An autoencoder (Hinton and Salakhutdinov, 2006; with hidden values to be filled in, Vincent and others, 2008) "
        "squeezes every row through a few numbers and writes it out again. What the rows have in common comes through; "
        "what is strange does not. The score joins how badly a row comes through and how far it lies from the mean; 1 "
        "is usual, and the column that adds most is named. Rows without a mark are enough; a threshold is set by the "
        "share of anomalies that is expected and can be judged on the histogram of the scores."
    ),
    tags=("table", "no target", "anomalies"),
    terms=("anomaly", "outlier", "threshold"),
)
