"""Images to classes by dense layers alone: the network of many a first lesson."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.images import (
    augmentation_parameter,
    choose_size,
    estimate_from_work,
    size_parameter,
    typical_side,
)
from modelyard.catalog.parameters import CLASSIFICATION_LOSS, dropout, optimisation, stopping_rules
from modelyard.catalog.spec import Choice, Estimate, Integer, ModelTemplate
from modelyard.contracts.profile import Profile

LARGEST = 32
"""The side of the input in pixels, where a person leaves it open and the images are larger."""


def estimate(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for this many images."""
    rows, epochs, units = int(profile.rows * 0.7), hyperparameters["epochs"], hyperparameters["units"]
    side = hyperparameters["size"] or choose_size(typical_side(profile), LARGEST)
    weights = units * (3 * side * side + hyperparameters["layers"] * units + max(len(profile.classes), 2))
    steps = epochs * (1 + rows / hyperparameters["batch_size"])
    return estimate_from_work(6.0 * weights * rows * epochs, steps, hyperparameters["max_minutes"])


TEMPLATE = ModelTemplate(
    slug="dense_network",
    version=1,
    title="Dense network",
    summary="Sorts images into classes with fully connected layers: small, fast, easy to understand.",
    task="classification",
    input_kind="images",
    needs_target=False,
    largest_side=LARGEST,
    parameters=(
        *stopping_rules(epochs=60, epochs_help="How often training goes over all images, at most.", patience=20),
        Integer(
            name="layers",
            title="Hidden layers",
            help="Layers between the pixels and the classes.",
            default=2,
            minimum=1,
            maximum=8,
            unit="layers",
        ),
        Integer(
            name="units",
            title="Units",
            help="Units in each hidden layer.",
            default=64,
            minimum=4,
            maximum=512,
            unit="units",
        ),
        Choice(
            name="activation",
            title="Activation",
            help="What each unit does with its sum.",
            default="relu",
            choices={"relu": "ReLU", "silu": "SiLU", "selu": "SELU", "tanh": "Tanh", "sigmoid": "Sigmoid"},
            advanced=True,
        ),
        dropout(0.0),
        size_parameter(LARGEST, maximum=128),
        augmentation_parameter("light"),
        *optimisation(learning_rate=0.003, optimizer="adam", schedule="one_cycle", batch_size=64),
        CLASSIFICATION_LOSS,
    ),
    estimate=estimate,
    examples=("Which digit is written here?", "Which letter is this?"),
    details=(
        "The classic first network: pixels, flattened, two hidden layers of 64 units with ReLU, one output for each "
        "class; for "
        "28 by 28 grey images 784-64-64-10. Trained with Adam on the sparse categorical cross-entropy. It knows "
        "nothing of "
        "neighbouring pixels, so it suits small, centred drawings such as digits; for photos take the image classifier."
    ),
    tags=("images", "classes", "probabilities", "teaching"),
)
