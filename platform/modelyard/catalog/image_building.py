"""What the networks for images share: variations of a batch computed in the graph, and the way they are put
together."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
from keras import Model, layers

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.mixing import mix_layers

COVERED = 0.3
"""The side of the covered square, as a share of the image's."""
Augment = Callable[[dict[str, Any], Any], dict[str, Any]]


def augment_images(choice: str, problem: Problem) -> Augment | None:
    """Return what changes a batch of images at random, None for no variation."""
    if choice == "none":
        return None
    height, width, channels = problem.inputs["image"].shape[1:]
    light = choice == "light"
    turn, zoom, shift = (math.radians(6), 0.06, 0.06) if light else (math.radians(12), 0.12, 0.1)
    colour = channels == 3 and not light
    mirror = choice == "photo"

    def augment(inputs: dict[str, Any], seed: Any) -> dict[str, Any]:
        images = tf.cast(inputs["image"], tf.float32)
        rows = tf.shape(images)[0]
        draws = tf.random.stateless_uniform((10, rows), seed, -1.0, 1.0)
        moved = _move(images, draws, height, width, turn=turn, zoom=zoom, shift=shift, mirror=mirror)
        if colour:
            contrast = 1.0 + 0.25 * draws[5][:, None, None, None]
            moved = tf.clip_by_value(
                (moved - 128.0) * contrast + 128.0 + 25.0 * draws[6][:, None, None, None], 0.0, 255.0
            )
            moved = _cover(moved, draws[7:], height, width)
        return {**inputs, "image": moved}

    return augment


def _move(
    images: Any, draws: Any, height: int, width: int, *, turn: float, zoom: float, shift: float, mirror: bool
) -> Any:
    """Turn, zoom and shift every image by its own draws; pixels from outside repeat the border."""
    angle, factor = draws[0] * turn, 1.0 + draws[1] * zoom
    cosine, sine = tf.cos(angle) * factor, tf.sin(angle) * factor
    side = tf.where(draws[4] > 0, -1.0, 1.0) if mirror else tf.ones_like(angle)
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    a, b, c, d = cosine * side, -sine, sine * side, cosine
    x = middle_x - a * middle_x - b * middle_y + draws[2] * shift * width
    y = middle_y - c * middle_x - d * middle_y + draws[3] * shift * height
    nothing = tf.zeros_like(a)
    transforms = tf.stack([a, b, x, c, d, y, nothing, nothing], axis=1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.constant([height, width]),
        interpolation="BILINEAR",
        fill_mode="NEAREST",
        fill_value=0.0,
    )


def _cover(images: Any, draws: Any, height: int, width: int) -> Any:
    """Cover a square of half of the images with grey (cutout, DeVries and Taylor, 2017): what is seen has to do."""
    far_down = (
        tf.abs(tf.range(height, dtype=tf.float32) - (draws[0][:, None] + 1.0) * height / 2) < COVERED * height / 2
    )
    far_right = tf.abs(tf.range(width, dtype=tf.float32) - (draws[1][:, None] + 1.0) * width / 2) < COVERED * width / 2
    covered = far_down[:, :, None] & far_right[:, None, :] & (draws[2] > 0)[:, None, None]
    return tf.where(covered[..., None], 128.0, images)


def finish_image_network(
    model: Model,
    hyperparameters: Mapping[str, Any],
    *,
    epochs: int,
    batch_size: int,
    augment: Augment | None,
    average: float = 0.0,
) -> Network:
    """Return the network of a Keras model from images to logits; the core is the same model with a softmax."""

    def forward(inputs: Any, *, training: bool, strength: Any, seed: Any) -> Any:
        return model(inputs, training=training)

    def make_core() -> Model:
        return Model(model.input, {"probabilities": layers.Softmax(name="probabilities")(model.output)}, name="core")

    return Network(
        forward=forward,
        trainable=model.trainable_variables,
        state=model.non_trainable_variables,
        make_core=make_core,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=hyperparameters["learning_rate"],
        schedule=hyperparameters["schedule"],
        optimizer=hyperparameters["optimizer"],
        loss=hyperparameters["loss"],
        label_smoothing=hyperparameters.get("label_smoothing", 0.0),
        weight_decay=hyperparameters.get("weight_decay", 0.0),
        decays={variable.path: 1.0 for variable in model.trainable_variables if variable.path.endswith("kernel")},
        average=average,
        augment=augment,
        mix=mix_layers(model.layers[:-1]),
    )
