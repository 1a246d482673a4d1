"""A network for all series together: windows of the past to quantiles of what comes.

A linear map of the window (NLinear; Zeng and others, "Are Transformers Effective for Time Series Forecasting?", 2023)
stands beside a residual perceptron (TiDE; Das and others, 2023, without its covariates), both added to the last season.
Quantiles are the median and steps away from it, so that they never cross. Loss: the mean of the pinball losses.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from numpy.typing import NDArray

from modelyard.features.series.forecasts import LEVELS, MEDIAN
from modelyard.features.series.outlooks import Recipe
from workers.training.checkpoints import Checkpoints, Memory, StoppedBy
from workers.training.forecasting.windows import Windows

STEPS_A_CHECK = 100
BATCH = 256
SMALLEST_GAIN = 1e-4


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long the network trained: steps, the losses at every check, in seconds."""

    steps: int
    history: list[dict[str, float]]
    seconds: float
    stopped_by: StoppedBy


def build(recipe: Recipe, hyperparameters: Mapping[str, Any], seed: int) -> keras.Model:
    """Return a network from `window` (rows, steps) to `quantiles` (rows, horizon, levels), all scaled."""
    keras.utils.set_random_seed(seed % 2**31)
    horizon, width = recipe.horizon, hyperparameters["width"]
    window = keras.Input((recipe.window,), name="window")
    period = min(recipe.periods[0], recipe.window)
    places = (recipe.window - period + np.arange(horizon) % period).astype("int32")
    season = ops.take(window, places, axis=1)
    linear = layers.Dense(horizon, kernel_initializer="zeros", kernel_regularizer=keras.regularizers.L2(1e-4))(window)
    signal = layers.LayerNormalization()(window)
    for _ in range(hyperparameters["depth"]):
        inner = layers.Dense(width, activation="silu")(signal)
        inner = layers.Dropout(hyperparameters["dropout"], seed=seed % 2**31)(inner)
        inner = layers.Dense(width)(inner)
        skip = signal if signal.shape[-1] == width else layers.Dense(width)(signal)
        signal = layers.LayerNormalization()(inner + skip)
    count = len(LEVELS)
    flat = layers.Dense(horizon * count, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01, seed=seed))
    parts = layers.Reshape((horizon, count))(flat(signal))
    median = ops.expand_dims(season + linear, -1) + parts[:, :, MEDIAN : MEDIAN + 1]
    return keras.Model(window, _spread(median, parts), name="network")


def _spread(median: Any, parts: Any) -> Any:
    """The median, and positive steps down and up from it."""
    below = ops.softplus(parts[:, :, :MEDIAN] - 1.5)
    above = ops.softplus(parts[:, :, MEDIAN + 1 :] - 1.5)
    down = median - ops.flip(ops.cumsum(ops.flip(below, axis=-1), axis=-1), axis=-1)
    return ops.concatenate([down, median, median + ops.cumsum(above, axis=-1)], axis=-1)


def pinball(truth: Any, quantiles: Any) -> Any:
    """The mean pinball loss of `quantiles` (rows, horizon, levels) against `truth` (rows, horizon)."""
    errors = truth[:, :, None] - quantiles
    levels = tf.constant(LEVELS, tf.float32)
    return tf.reduce_mean(tf.maximum(levels * errors, (levels - 1.0) * errors))


def train(
    model: keras.Model,
    windows: Windows,
    judge: Windows | None,
    hyperparameters: Mapping[str, Any],
    *,
    steps: int,
    seed: int,
    must_end: Callable[[], StoppedBy | None],
    tell: Callable[[int, float, float], None],
    checkpoints: Checkpoints,
) -> Course:
    """Train for `steps` at most, from the last of `checkpoints` if there is one; with windows to judge by, keep the
    weights that judged best. An epoch of the history is what lies between two checks."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, alpha=0.01, warmup_target=hyperparameters["learning_rate"], warmup_steps=max(1, steps // 20)
    )
    optimizer = keras.optimizers.Adam(schedule, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    past, future = tf.constant(windows.past), tf.constant(windows.future)
    batch = min(BATCH, len(windows))

    @tf.function
    def run(rows: Any) -> Any:
        total = tf.constant(0.0)
        for index in tf.range(tf.shape(rows)[0]):
            with tf.GradientTape() as tape:
                found = model(tf.gather(past, rows[index]), training=True)
                loss = pinball(tf.gather(future, rows[index]), found)
                objective = loss + tf.add_n(model.losses)
            gradients = tape.gradient(objective, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            total += loss
        return total / tf.cast(tf.shape(rows)[0], tf.float32)

    variables = [*model.variables, *optimizer.variables]
    memory = checkpoints.load(variables) or Memory(best=model.get_weights())
    started = time.monotonic() - memory.seconds
    while memory.stopped_by is None:
        done = memory.epoch * STEPS_A_CHECK
        count = min(STEPS_A_CHECK, steps - done)
        rows = np.random.default_rng([seed, 5, memory.epoch]).integers(0, len(windows), size=(count, batch))
        loss = float(run(tf.constant(rows)))
        judged = loss if judge is None else _judge(model, judge)
        memory.epoch += 1
        memory.seconds = time.monotonic() - started
        memory.history.append({"epoch": memory.epoch, "loss": loss, "val_loss": judged})
        tell(done + count, loss, judged)
        if judged < memory.best_loss - SMALLEST_GAIN:
            memory.best_loss, memory.best_epoch, memory.best = judged, memory.epoch, model.get_weights()
        stale = memory.epoch - memory.best_epoch
        memory.stopped_by = must_end()
        if memory.stopped_by is None and done + count >= steps:
            memory.stopped_by = "epochs"
        if memory.stopped_by is None and judge and hyperparameters["patience"] and stale >= hyperparameters["patience"]:
            memory.stopped_by = "patience"
        checkpoints.save(memory, variables)
    if judge is not None:
        model.set_weights(memory.best)
    return Course(
        steps=min(steps, memory.epoch * STEPS_A_CHECK),
        history=memory.history,
        seconds=memory.seconds,
        stopped_by=memory.stopped_by,
    )


def _judge(model: keras.Model, judge: Windows) -> float:
    return float(pinball(tf.constant(judge.future), model(judge.past, training=False)))


def ask(model: keras.Model, past: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the quantiles for windows, in batches."""
    found = [
        ops.convert_to_numpy(model(past[start : start + 1024], training=False)) for start in range(0, len(past), 1024)
    ]
    return np.concatenate(found) if found else np.zeros((0, 1, len(LEVELS)), np.float32)
