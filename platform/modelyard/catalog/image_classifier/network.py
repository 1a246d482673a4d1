"""Blocks of convolution and pooling, then one dense layer.

After the CIFAR-10 speed runs of Keller Jordan (airbench, 2024): pairs of convolutions with batch normalisation, pooling
right after the first of each pair, a path around the second, global pooling, a one-cycle learning rate and averaged
weights. SiLU rather than GELU, whose exact form has no counterpart in ONNX.
"""

from collections.abc import Mapping
from typing import Any

from keras import Input, Model, layers

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.image_building import augment_images, finish_image_network
from modelyard.catalog.image_classifier.spec import choose_epochs

SIDE_FOR_STRIDE = 40
"""Larger inputs are halved by the first convolution."""


def build(problem: Problem, hyperparameters: Mapping[str, Any]) -> Network:
    height, width, channels = problem.inputs["image"].shape[1:]
    image = Input((height, width, channels), name="image")
    signal = layers.Rescaling(1 / 64, offset=-2.0)(image)
    if min(height, width) > SIDE_FOR_STRIDE:
        signal = _convolve(signal, hyperparameters["width"] // 2 or 1, strides=2)
    for block in range(_count_blocks(height, width, hyperparameters["blocks"])):
        filters = hyperparameters["width"] * 2**block
        signal = _convolve(signal, filters, pool=True)
        signal = layers.Add()([signal, _convolve(signal, filters)])
    signal = layers.Concatenate()([layers.GlobalMaxPooling2D()(signal), layers.GlobalAveragePooling2D()(signal)])
    signal = layers.Dropout(hyperparameters["dropout"], seed=problem.seed)(signal)
    logits = layers.Dense(problem.outputs)(signal)
    epochs = hyperparameters["epochs"] or choose_epochs(
        problem.rows, max(height, width), hyperparameters["width"], hyperparameters["blocks"]
    )
    return finish_image_network(
        Model({"image": image}, logits),
        hyperparameters,
        epochs=epochs,
        batch_size=hyperparameters["batch_size"] or _choose_batch_size(problem.rows),
        augment=augment_images(hyperparameters["augmentation"], problem),
        average=0.98,
    )


def _convolve(signal: Any, filters: int, *, strides: int = 1, pool: bool = False) -> Any:
    signal = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(signal)
    if pool:
        signal = layers.MaxPooling2D(2, padding="same")(signal)
    signal = layers.BatchNormalization(momentum=0.9)(signal)
    return layers.Activation("silu")(signal)


def _count_blocks(height: int, width: int, wanted: int) -> int:
    """As many blocks as there are pixels to halve."""
    side, blocks = min(height, width), 1
    if side > SIDE_FOR_STRIDE:
        side //= 2
    while blocks < wanted and side // 2**blocks >= 2:
        blocks += 1
    return blocks


def _choose_batch_size(images: int) -> int:
    for limit, size in ((500, 16), (2000, 32), (10_000, 64)):
        if images <= limit:
            return size
    return 128
