"""Hyper-parameters that every model template offers under the same name: stopping rules, optimiser, loss."""

from modelyard.catalog.spec import Choice, Integer, Parameter, Real, WeightsName
from modelyard.contracts.weights import WeightsKind

OPTIMIZERS = {
    "adam": "Adam",
    "adamw": "AdamW (Adam with weight decay)",
    "nadam": "Nadam (Adam with Nesterov momentum)",
    "lion": "Lion",
    "rmsprop": "RMSprop",
    "sgd": "SGD with Nesterov momentum",
    "adagrad": "Adagrad",
}
SCHEDULES = {
    "cos_log": "Four falling waves (cos-log)",
    "one_cycle": "Up, then down (one cycle)",
    "cosine": "Slowly down (cosine)",
    "constant": "Constant",
}
CLASSIFICATION_LOSSES = {
    "crossentropy": "Cross-entropy",
    "focal": "Focal (looks harder at rows it gets wrong)",
    "hinge": "Categorical hinge",
}
REGRESSION_LOSSES = {
    "mse": "Squared error (MSE)",
    "mae": "Absolute error (MAE)",
    "huber": "Huber (squared when small, absolute when large)",
    "log_cosh": "Log-cosh (a smooth Huber)",
}


def stopping_rules(
    *, epochs: int | None, epochs_help: str, patience: int, max_minutes: float = 30.0
) -> tuple[Parameter, ...]:
    """When training ends: whichever of these comes first. The best epoch is kept in every case."""
    return (
        Integer(
            name="epochs",
            title="Epochs",
            help=epochs_help,
            default=epochs,
            minimum=1,
            maximum=10_000,
            optional=epochs is None,
        ),
        Integer(
            name="patience",
            title="Patience",
            help="Stop after this many epochs in a row without a better result on the validation part. 0: never.",
            default=patience,
            minimum=0,
            maximum=10_000,
            unit="epochs",
        ),
        Real(
            name="loss_threshold",
            title="Stop at a loss of",
            help="Stop as soon as the training loss of an epoch is this low. Empty: no such limit.",
            default=None,
            minimum=0.0,
            maximum=1e9,
            optional=True,
        ),
        Real(
            name="max_minutes",
            title="Time budget",
            help="Stop training after this long, however many epochs are left, and keep the best so far.",
            default=max_minutes,
            minimum=0.1,
            maximum=1440.0,
            unit="minutes",
        ),
    )


def optimisation(
    *, learning_rate: float, optimizer: str, schedule: str, batch_size: int | None = None
) -> tuple[Parameter, ...]:
    """How the weights are moved."""
    return (
        Integer(
            name="batch_size",
            title="Batch size",
            help="Examples looked at before each change of the weights. Empty: chosen from the number of rows.",
            default=batch_size,
            minimum=1,
            maximum=65_536,
            optional=batch_size is None,
            advanced=True,
        ),
        Real(
            name="learning_rate",
            title="Learning rate",
            help="How far each step moves the weights, at its highest. Too high: the loss jumps. Too low: it crawls.",
            default=learning_rate,
            minimum=1e-7,
            maximum=10.0,
            advanced=True,
        ),
        Choice(
            name="schedule",
            title="Learning rate over time",
            help="How the learning rate changes from the first step to the last.",
            default=schedule,
            choices=SCHEDULES,
            advanced=True,
        ),
        Choice(
            name="optimizer",
            title="Optimiser",
            help="The rule that turns gradients into changes of the weights.",
            default=optimizer,
            choices=OPTIMIZERS,
            advanced=True,
        ),
    )


def weights_name(kind: WeightsKind) -> WeightsName:
    return WeightsName(
        name="weights",
        title="Pre-trained weights",
        help="Which of the pre-trained networks that the operator provides. Empty: the first.",
        kind=kind,
    )


def dropout(default: float) -> Real:
    return Real(
        name="dropout",
        title="Dropout",
        help="Share of the units that is switched off at random while training, against learning by heart.",
        default=default,
        minimum=0.0,
        maximum=0.9,
        advanced=True,
    )


def weight_decay(default: float) -> Real:
    return Real(
        name="weight_decay",
        title="Weight decay",
        help="How strongly weights are pulled towards zero, against learning by heart.",
        default=default,
        minimum=0.0,
        maximum=1.0,
        advanced=True,
    )


def label_smoothing(default: float) -> Real:
    return Real(
        name="label_smoothing",
        title="Label smoothing",
        help="Share of doubt mixed into the true classes. Can raise accuracy, but blurs the probabilities.",
        default=default,
        minimum=0.0,
        maximum=0.5,
        advanced=True,
    )


def loss(choices: dict[str, str], *, text: str) -> Choice:
    """What training makes small; the first of `choices` is the default."""
    return Choice(name="loss", title="Loss", help=text, default=next(iter(choices)), choices=choices, advanced=True)


CLASSIFICATION_LOSS = loss(
    CLASSIFICATION_LOSSES, text="What training makes small. Cross-entropy gives the most honest probabilities."
)
REGRESSION_LOSS = loss(
    REGRESSION_LOSSES, text="What training makes small. Squared error aims at the mean, absolute error at the median."
)
