"""Images to classes by convolutions."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.images import (
    augmentation_parameter,
    choose_size,
    estimate_from_work,
    size_parameter,
    typical_side,
)
from modelyard.catalog.parameters import (
    CLASSIFICATION_LOSS,
    dropout,
    label_smoothing,
    optimisation,
    stopping_rules,
    weight_decay,
)
from modelyard.catalog.spec import Estimate, Integer, ModelTemplate
from modelyard.contracts.profile import Profile

LARGEST = 64
"""The side of the input in pixels, where a person leaves it open and the images are larger."""
WORK = 8e12
"""Floating-point operations that a training with automatic settings may take: minutes on two CPU cores."""
MOST_EPOCHS, FEWEST_EPOCHS = 40, 10


def count_operations(side: int, width: int, blocks: int) -> float:
    """Floating-point operations to train on one image once."""
    operations, pixels, incoming = 0.0, float(side * side), 3
    if side > 40:
        pixels /= 4
    for block in range(blocks):
        outgoing = width * 2**block
        operations += 9.0 * pixels * incoming * outgoing
        pixels /= 4
        operations += 9.0 * pixels * outgoing * outgoing
        incoming = outgoing
    return 6.0 * operations


def choose_epochs(images: int, side: int, width: int, blocks: int) -> int:
    """The number of epochs where a person leaves it open: as many as `WORK` allows."""
    return int(min(MOST_EPOCHS, max(FEWEST_EPOCHS, WORK / (count_operations(side, width, blocks) * max(images, 1)))))


def estimate(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for this many images of this size."""
    images, width, blocks = int(profile.rows * 0.7), hyperparameters["width"], hyperparameters["blocks"]
    side = hyperparameters["size"] or choose_size(typical_side(profile), LARGEST)
    epochs = hyperparameters["epochs"] or choose_epochs(images, side, width, blocks)
    work = count_operations(side, width, blocks) * images * epochs
    return estimate_from_work(work, epochs * (1 + images / 64), hyperparameters["max_minutes"])


TEMPLATE = ModelTemplate(
    slug="image_classifier",
    version=1,
    title="Image classifier",
    summary="Sorts images into classes with a convolutional network trained from scratch on your images.",
    task="classification",
    input_kind="images",
    needs_target=False,
    largest_side=LARGEST,
    parameters=(
        *stopping_rules(
            epochs=None,
            epochs_help=(
                "How often training goes over all images, at most. Empty: up to 40, fewer for many or large images."
            ),
            patience=0,
        ),
        size_parameter(LARGEST, maximum=256),
        augmentation_parameter("auto"),
        Integer(
            name="width",
            title="Width",
            help="Filters of the first block; every block has twice as many as the one before.",
            default=32,
            minimum=4,
            maximum=64,
            unit="filters",
            advanced=True,
        ),
        Integer(
            name="blocks",
            title="Blocks",
            help="Blocks of two convolutions and one pooling. Each halves the image.",
            default=3,
            minimum=1,
            maximum=4,
            unit="blocks",
            advanced=True,
        ),
        dropout(0.2),
        weight_decay(0.05),
        label_smoothing(0.05),
        *optimisation(learning_rate=0.004, optimizer="adamw", schedule="one_cycle"),
        CLASSIFICATION_LOSS,
    ),
    estimate=estimate,
    examples=("What is in this picture?", "Which hand sign is this?", "Is this part faulty?"),
    details=(
        "Blocks of convolution, batch normalisation and pooling, then one dense layer, trained with a one-cycle "
        "learning rate on "
        "slightly changed copies of the images; the average of the weights over the last steps is kept. Takes images "
        "of any size, "
        "grey, colour, with transparency, turned by EXIF. A hundred images for each class are a good start."
    ),
    tags=("images", "classes", "probabilities", "convolution"),
)
