"""Texts to classes: a linear branch on words and parts of words beside a network that reads them in their order."""

from modelyard.catalog.parameters import CLASSIFICATION_LOSS, optimisation, stopping_rules
from modelyard.catalog.spec import Choice, Integer, ModelTemplate, Real
from modelyard.catalog.texts import estimate

TEMPLATE = ModelTemplate(
    slug="text_classifier",
    version=1,
    title="Text classifier",
    summary="Tells which of several classes a text belongs to, in any language, learned from your texts alone.",
    task="classification",
    input_kind="texts",
    parameters=(
        *stopping_rules(
            epochs=None,
            epochs_help="How often training goes over all texts, at most. Empty: 12 for few texts, fewer for many.",
            patience=3,
        ),
        Choice(
            name="reader",
            title="Reader",
            help="The network that reads the words in their order. A transformer wants ten thousands of texts.",
            default="convolution",
            choices={"convolution": "Convolution", "transformer": "Small transformer encoder"},
        ),
        Integer(
            name="members",
            title="Members",
            help="Models trained side by side, each without a different fold of the texts; their average predicts. "
            "0: one model, and a part held out. Empty: 5 for few texts, fewer for many.",
            default=None,
            minimum=0,
            maximum=10,
            optional=True,
        ),
        Integer(
            name="embedding",
            title="Embedding",
            help="Numbers that a word is turned into.",
            default=48,
            minimum=4,
            maximum=256,
            advanced=True,
        ),
        Integer(
            name="width",
            title="Filters",
            help="Patterns of two, of three and of four words that the convolution looks for.",
            default=48,
            minimum=4,
            maximum=256,
            advanced=True,
        ),
        Integer(
            name="blocks",
            title="Blocks",
            help="Blocks of the transformer encoder; a convolution has none.",
            default=2,
            minimum=1,
            maximum=6,
            advanced=True,
        ),
        Real(
            name="dropout",
            title="Dropout",
            help="Share of what was found that is switched off at random while training, against learning by heart.",
            default=0.4,
            minimum=0.0,
            maximum=0.9,
            advanced=True,
        ),
        Real(
            name="word_dropout",
            title="Word dropout",
            help="Share of the words that is left out at random while training.",
            default=0.1,
            minimum=0.0,
            maximum=0.9,
            advanced=True,
        ),
        Real(
            name="label_smoothing",
            title="Label smoothing",
            help="Share of doubt mixed into the true classes; makes the reader less sure of itself and often better.",
            default=0.05,
            minimum=0.0,
            maximum=0.5,
            advanced=True,
        ),
        *optimisation(learning_rate=0.002, optimizer="adam", schedule="one_cycle"),
        CLASSIFICATION_LOSS,
    ),
    estimate=estimate,
    examples=("Is this message spam?", "What is this complaint about?", "Is this review friendly?"),
    details=(
        "Every text is taken apart into words, neighbouring words and pieces of words; where a script puts no spaces "
        "between words (Chinese, Japanese, Thai, …), into characters and their pairs and triples. A linear model "
        "weighs them, which is hard to beat where texts are few. Beside it a network reads the words in their order; "
        "held-out texts decide how much each has a say. Other columns of the table are used as well. Capital letters, "
        "HTML entities and odd ways to write a character do no harm. A few hundred texts are a good start."
    ),
    tags=("texts", "classes", "probabilities"),
)
