"""Images to classes by a network that was pre-trained on many other images; its weights come from the operator."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.images import SECONDS_AROUND, augmentation_parameter
from modelyard.catalog.parameters import (
    CLASSIFICATION_LOSS,
    label_smoothing,
    optimisation,
    stopping_rules,
    weight_decay,
    weights_name,
)
from modelyard.catalog.spec import Estimate, Flag, Integer, ModelTemplate
from modelyard.contracts.profile import Profile
from modelyard.contracts.weights import LARGEST_SIDE, SMALLEST_SIDE, USUAL_SIDE

VIEWS, EPOCHS = 4, 6
SECONDS_AN_IMAGE = (0.004, 0.06)
"""To ask a network of 5 million weights about an image of `USUAL_SIDE`: an idle pair of CPU cores, a busy one."""
ROUNDS_AN_EPOCH = 2.0
"""An epoch of tuning takes as long as asking about every image so many times."""


def estimate(profile: Profile, hyperparameters: Mapping[str, Any]) -> Estimate:
    """A range for this many images. What the weights are is not known here: a large network takes many times longer."""
    images = int(profile.rows * 0.7)
    side = hyperparameters["size"] or USUAL_SIDE
    rounds = float(hyperparameters["views"] or VIEWS) + 0.5
    if hyperparameters["tuning"]:
        rounds += ROUNDS_AN_EPOCH * (hyperparameters["epochs"] or EPOCHS)
    asked = images * rounds * (side / USUAL_SIDE) ** 2
    low, high = (min(hyperparameters["max_minutes"] * 60, asked * seconds) for seconds in SECONDS_AN_IMAGE)
    return Estimate(low=SECONDS_AROUND[0] + low, high=SECONDS_AROUND[1] + high)


TEMPLATE = ModelTemplate(
    slug="image_transfer",
    version=1,
    title="Image classifier, pre-trained",
    summary="Sorts images into classes with a network that has already seen a great many others: needs few of yours.",
    task="classification",
    input_kind="images",
    method="transfer",
    needs_target=False,
    largest_side=USUAL_SIDE,
    parameters=(
        weights_name("images"),
        *stopping_rules(
            epochs=None,
            epochs_help="How often tuning goes over all images, at most. Empty: 6.",
            patience=0,
        ),
        Flag(
            name="tuning",
            title="Tune the network",
            help=(
                "Adapt the last part of the pre-trained network as well; kept where it is better on the validation "
                "part. Without it training takes a fraction of the time."
            ),
            default=True,
        ),
        Integer(
            name="size",
            title="Image size",
            help="Side in pixels to which every image is resized. Empty: what the network was pre-trained with.",
            default=None,
            minimum=SMALLEST_SIDE,
            maximum=LARGEST_SIDE,
            optional=True,
            unit="pixels",
        ),
        augmentation_parameter("auto"),
        Integer(
            name="views",
            title="Views",
            help="Copies of every image that are looked at: itself, and slightly changed ones.",
            default=VIEWS,
            minimum=1,
            maximum=16,
            unit="views",
            advanced=True,
        ),
        weight_decay(0.01),
        label_smoothing(0.0),
        *optimisation(learning_rate=0.001, optimizer="adamw", schedule="one_cycle"),
        CLASSIFICATION_LOSS,
    ),
    estimate=estimate,
    examples=("Which of these products is it?", "Is this leaf ill, and of what?", "What is in this photo?"),
    details=(
        "The operator provides the network, for example EfficientNet with the weights of ImageNet. It is asked about "
        "every image, and about slightly changed copies, once; a logistic regression learns the classes from what its "
        "stages say (after Head2Toe, Evci and others, 2022). Then its last part is tuned with small steps, and that is "
        "kept only where it is better on the validation part. A dozen photos for each class can be enough. For "
        "drawings, digits or very small images the image classifier that learns from scratch is often as good, and its "
        "predictions are many times faster."
    ),
    tags=("images", "classes", "probabilities", "convolution", "transfer learning"),
)
