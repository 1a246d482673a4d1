"""Texts to classes by a network that was pre-trained to read; its weights come from the operator."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.parameters import (
    CLASSIFICATION_LOSS,
    label_smoothing,
    optimisation,
    stopping_rules,
    weight_decay,
    weights_name,
)
from modelyard.catalog.spec import Estimate, Integer, ModelTemplate
from modelyard.contracts.profile import Profile

EPOCHS, TUNED_BLOCKS = 4, 2
USUAL_PIECES, USUAL_BLOCKS = 64, 6
SECONDS_AROUND = (25.0, 120.0)
SECONDS_A_TEXT = (0.006, 0.06)
"""To read `USUAL_PIECES` word pieces with a network of 6 blocks, 384 wide: an idle pair of CPU cores, a busy one."""
READ = 2.5
"""Times that a text is read: to learn, and to be answered for the report."""
ROUNDS_AN_EPOCH = 2.5
"""An epoch of tuning all blocks takes as long as reading every text so many times."""


def estimate(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for so many texts. What the weights are is not known here: a large network takes many times longer."""
    longer = min(1.0, hyperparameters["max_tokens"] / USUAL_PIECES)
    epochs = hyperparameters["epochs"] or EPOCHS
    rounds = READ + 0.7 * ROUNDS_AN_EPOCH * epochs * min(1.0, hyperparameters["tuned_blocks"] / USUAL_BLOCKS)
    read = profile.rows * rounds * longer
    budget = hyperparameters["max_minutes"] * 60
    low, high = (min(budget, read * seconds) for seconds in SECONDS_A_TEXT)
    return Estimate(low=SECONDS_AROUND[0] + low, high=SECONDS_AROUND[1] + high)


TEMPLATE = ModelTemplate(
    slug="text_transfer",
    version=1,
    title="Text classifier, pre-trained",
    summary="Tells which class a text belongs to with a network that has read a great deal: needs few of yours.",
    task="classification",
    input_kind="texts",
    method="transfer",
    parameters=(
        weights_name("texts"),
        *stopping_rules(
            epochs=None,
            epochs_help="How often tuning goes over all texts, at most. Empty: 4.",
            patience=0,
        ),
        Integer(
            name="max_tokens",
            title="Word pieces",
            help=(
                "How much of a row is read, counted in word pieces: a common word is one, a rare one several, a "
                "Chinese character one. What goes beyond is left unread; half as many are read in half the time."
            ),
            default=128,
            minimum=16,
            maximum=512,
            unit="pieces",
        ),
        Integer(
            name="tuned_blocks",
            title="Tuned blocks",
            help=(
                "How many of the network's last blocks are adapted as well; kept where that is better on the "
                "validation part. 0: none, which takes a fraction of the time."
            ),
            default=TUNED_BLOCKS,
            minimum=0,
            maximum=48,
            unit="blocks",
        ),
        weight_decay(0.01),
        label_smoothing(0.0),
        *optimisation(learning_rate=0.001, optimizer="adamw", schedule="one_cycle"),
        CLASSIFICATION_LOSS,
    ),
    estimate=estimate,
    examples=("What is this customer writing about?", "Is this review friendly?", "Which department should answer?"),
    details=(
        "The operator provides the network, for example MiniLM or a Chinese BERT. It reads every text once; a "
        "logistic regression learns the classes from what it says in the end on average, at the first place, or in all "
        "of its blocks, whichever is best on the validation part. Then its last blocks are tuned with small steps, and "
        "that is kept only where it is better. It knows that other words can mean the same, so a few dozen texts for "
        "each class can be enough. Take a network for the language of your texts. Where single words tell the class, "
        "the text classifier that learns from your texts alone is often as good, and its predictions are many times "
        "faster."
    ),
    tags=("texts", "classes", "probabilities", "transformer", "transfer learning"),
    terms=("mean", "first", "levels"),
)
