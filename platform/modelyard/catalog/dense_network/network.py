"""Flatten, dense layers, one output for each class."""

from collections.abc import Mapping
from typing import Any

from keras import Input, Model, layers

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.image_building import augment_images, finish_image_network


def build(problem: Problem, hyperparameters: Mapping[str, Any]) -> Network:
    image = Input(problem.inputs["image"].shape[1:], name="image")
    signal = layers.Flatten()(layers.Rescaling(1 / 255)(image))
    for _ in range(hyperparameters["layers"]):
        signal = layers.Dense(hyperparameters["units"], activation=hyperparameters["activation"])(signal)
        if hyperparameters["dropout"]:
            signal = layers.Dropout(hyperparameters["dropout"])(signal)
    logits = layers.Dense(problem.outputs)(signal)
    return finish_image_network(
        Model({"image": image}, logits),
        hyperparameters,
        epochs=hyperparameters["epochs"],
        batch_size=hyperparameters["batch_size"],
        augment=augment_images(hyperparameters["augmentation"], problem),
    )
