"""An autoencoder over the numbers of a row and the rarity of its categories."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import Input, Model, layers, ops
from numpy.typing import NDArray

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.mixing import mix_layers
from modelyard.catalog.tables import choose_batch_size

Array = NDArray[np.float32]
ROWS_AT_ONCE = 4096
MOST_NARROW = 16
SMALLEST_ERROR = 0.01
"""Errors are told relative to the usual error of their input, but to no less than this share of its unit spread: what
never varied in training would make every change of it infinitely strange."""


class Autoencoder:
    """The layers, and the inputs that they are to repeat: numbers, then one for each column of codes."""

    def __init__(self, problem: Problem, *, width: int, bottleneck: int | None, masking: float) -> None:
        self._masking = masking
        self._count = problem.inputs["numbers"].shape[-1] if "numbers" in problem.inputs else 0
        self._rarities = [
            _measure_rarity(problem.inputs["codes"][..., index], size) for index, size in enumerate(problem.code_sizes)
        ]
        self._inputs = problem.inputs
        inputs = self._count + len(self._rarities)
        self.spread = self._measure_spread()
        narrow = bottleneck or min(MOST_NARROW, max(2, inputs // 8))
        keras.utils.set_random_seed(problem.seed % 2**31)
        self.layers = [
            layers.Dense(width, activation="mish"),
            layers.Dense(max(narrow, width // 2), activation="mish"),
            layers.Dense(narrow),
            layers.Dense(max(narrow, width // 2), activation="mish"),
            layers.Dense(width, activation="mish"),
            layers.Dense(inputs),
        ]
        signal = inputs
        for layer in self.layers:
            layer.build((None, signal))
            signal = layer.units

    @property
    def trainable(self) -> list[Any]:
        return [variable for layer in self.layers for variable in layer.trainable_variables]

    def forward(self, inputs: Any, *, training: bool, strength: Any, seed: Any) -> Any:
        """Return what was asked for and what came out, both (rows, inputs), one after the other on the last axis."""
        wanted = self._read(inputs)
        signal = wanted
        if training and self._masking:
            shown = tf.random.stateless_uniform(tf.shape(wanted), seed) >= self._masking * strength
            signal = tf.where(shown, wanted, 0.0)
        return tf.concat([wanted, self._repeat(signal)], axis=-1)

    def make_core(self) -> Model:
        """From the features' arrays to {"errors", "totals"}.

        `errors`, (rows, inputs), is 1 where an input is as strange as usual: half of it is how far it is from the mean,
        half how badly it came through. `totals`, (rows, 2), are the mean squared errors of the row as it came through
        and of the means in its place.
        """
        inputs: dict[str, Any] = {}
        if self._count:
            inputs["numbers"] = Input((self._count,), name="numbers")
        if self._rarities:
            inputs["codes"] = Input((len(self._rarities),), dtype="int32", name="codes")
        wanted = self._read(inputs)
        mean, usual_error, usual_distance = self._measure_means()
        error, distance = ops.square(wanted - self._repeat(wanted)), ops.square(wanted - mean)
        errors = 0.5 * error / usual_error + 0.5 * distance / usual_distance
        totals = ops.stack([ops.mean(error, axis=-1), ops.mean(distance, axis=-1)], axis=-1)
        return Model(inputs, {"errors": errors, "totals": totals}, name="core")

    def _read(self, inputs: Any) -> Any:
        parts = [inputs["numbers"]] if self._count else []
        for index, rarity in enumerate(self._rarities):
            parts.append(ops.take(rarity, inputs["codes"][..., index], axis=0)[..., None])
        joined = ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
        return joined / self.spread

    def _repeat(self, signal: Any) -> Any:
        for layer in self.layers:
            signal = layer(signal)
        return signal

    def _measure_spread(self) -> Array:
        """The standard deviation of every input over the training rows, 1 where it never varies."""
        parts = [self._inputs["numbers"]] if self._count else []
        parts += [rarity[self._inputs["codes"][:, [index]]] for index, rarity in enumerate(self._rarities)]
        spread = np.concatenate([part.std(axis=0, dtype=np.float64) for part in parts])
        return np.where(spread > 1e-6, spread, 1.0).astype(np.float32)

    def _measure_means(self) -> tuple[Array, Array, Array]:
        """Of every input over the training rows: the mean, the usual squared error, the usual squared distance."""
        mean, _ = self._average(lambda wanted: (wanted, wanted))
        error, distance = self._average(
            lambda wanted: (np.square(wanted - np.array(self._repeat(wanted))), np.square(wanted - mean))
        )
        return mean, np.maximum(error, SMALLEST_ERROR), np.maximum(distance, SMALLEST_ERROR)

    def _average(self, measure: Callable[[Array], tuple[Array, Array]]) -> tuple[Array, Array]:
        """The means of two measures over the training rows, looked at in parts."""
        count = len(next(iter(self._inputs.values())))
        totals = np.zeros((2, len(self.spread)))
        for start in range(0, count, ROWS_AT_ONCE):
            rows = {name: array[start : start + ROWS_AT_ONCE] for name, array in self._inputs.items()}
            totals += [part.sum(axis=0, dtype=np.float64) for part in measure(np.array(self._read(rows)))]
        first, second = (totals / count).astype(np.float32)
        return first, second


def build(problem: Problem, hyperparameters: Mapping[str, Any]) -> Network:
    """The network of the anomaly detector."""
    autoencoder = Autoencoder(
        problem,
        width=hyperparameters["width"],
        bottleneck=hyperparameters["bottleneck"],
        masking=hyperparameters["masking"],
    )
    return Network(
        forward=autoencoder.forward,
        trainable=autoencoder.trainable,
        state=[],
        make_core=autoencoder.make_core,
        epochs=hyperparameters["epochs"],
        batch_size=hyperparameters["batch_size"] or choose_batch_size(problem.rows),
        learning_rate=hyperparameters["learning_rate"],
        schedule=hyperparameters["schedule"],
        optimizer=hyperparameters["optimizer"],
        loss="reconstruction",
        mix=mix_layers(autoencoder.layers[:-1]),
    )


def _measure_rarity(codes: NDArray[Any], size: int) -> Array:
    """For each code the logarithm of its share of the training rows against the usual one; unseen ones are rarest."""
    counts = np.bincount(codes, minlength=size).astype(np.float64)
    rarity = -np.log((counts + 0.5) / (len(codes) + 0.5 * size))
    usual = float(rarity[codes].mean()) if len(codes) else 0.0
    result: Array = (rarity - usual).astype(np.float32)
    return result
