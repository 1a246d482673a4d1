"""The numeric core of a forecaster: what candidates and network say of scaled series, blended and unscaled.

quantiles = max(floor, centre + scale * sort(sum(weights * medians) + weight * network(window) + offsets) + effect)
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

from modelyard.contracts import artifact
from modelyard.features.base import Arrays
from modelyard.features.series.outlooks import Recipe
from workers.training.exporting import export_onnx
from workers.training.forecasting.blending import NETWORK, Blend

ROWS_AT_ONCE = 1024
LOWEST_PLACE = -(2**62)


def build_core(recipe: Recipe, blend: Blend, network: keras.Model | None) -> keras.Model:
    """Return a Keras model of built-in layers from the arrays of the features to `quantiles` and `place`."""
    horizon, count = recipe.horizon, len(recipe.candidates)
    inputs = {
        "medians": keras.Input((horizon, count), name="medians"),
        "centre": keras.Input((1,), name="centre", dtype="float64"),
        "scale": keras.Input((1,), name="scale", dtype="float64"),
        "floor": keras.Input((1,), name="floor", dtype="float64"),
        "effect": keras.Input((horizon,), name="effect", dtype="float64"),
        "asked": keras.Input((3,), name="asked", dtype="int64"),
    }
    learned = network is not None and blend.weights.get(NETWORK, 0.0) > 0
    if learned:
        inputs["window"] = keras.Input((recipe.window,), name="window")
    blended = layers.Dense(1, use_bias=False, name="blend")(inputs["medians"])
    scaled = blended + np.asarray(blend.offsets, dtype=np.float32)
    if learned and network is not None:
        scaled = ops.sort(scaled + network(inputs["window"]) * np.float32(blend.weights[NETWORK]), axis=-1)
    wide = ops.cast(scaled, "float64")
    values = inputs["centre"][:, :, None] + inputs["scale"][:, :, None] * wide + inputs["effect"][:, :, None]
    floored = ops.maximum(values, inputs["floor"][:, :, None])
    place = ops.maximum(
        inputs["asked"], LOWEST_PLACE
    )  # as it is; an output that is an input is lost on the way to ONNX
    core = keras.Model(inputs, {"quantiles": floored, "place": place}, name="core")
    weights = [[blend.weights[one.name]] for one in recipe.candidates]
    core.get_layer("blend").set_weights([np.array(weights, dtype=np.float32)])
    return core


class Core:
    """A core that can be asked and exported."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model

        @tf.function
        def answer(arrays: Any) -> Any:
            return model(arrays, training=False)

        self._answer = answer

    def ask(self, arrays: Arrays) -> Arrays:
        """Return `quantiles` and `place` for arrays of the features, computed in batches."""
        count = len(arrays["asked"])
        batches: list[dict[str, Any]] = [
            self._answer(
                {
                    tensor.name: tf.constant(arrays[tensor.name][start : start + ROWS_AT_ONCE], dtype=tensor.dtype)
                    for tensor in self.model.inputs
                }
            )
            for start in range(0, max(1, count), ROWS_AT_ONCE)
        ]
        return {
            name: np.concatenate([ops.convert_to_numpy(batch[name]) for batch in batches])
            for name in ("quantiles", "place")
        }

    def export(self, folder: Path) -> None:
        self.model.save(folder / artifact.CORE_KERAS)
        export_onnx(self.model, folder / artifact.CORE_ONNX)
