"""The compiled part of training: steps and judgements over rows that lie in memory.

A call of `run_steps` executes many steps in one graph, so that Python is not in the way of small networks. Everything
random is drawn from (seed, step), so that a run taken up from a checkpoint goes on as it would have gone.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.catalog.building import Network
from workers.training.losses import judge_loss, make_loss

ROWS_AT_ONCE = 2048
Array = NDArray[Any]


class Engine:
    """Holds the rows, the network and its optimisers."""

    def __init__(
        self, network: Network, *, task: str, outputs: int, inputs: dict[str, Array], targets: Array, seed: int
    ):
        self.network = network
        self.classifies = task == "classification"
        self._inputs = {name: tf.constant(array) for name, array in inputs.items()}
        self._targets = tf.constant(targets)
        self._seed = seed
        self._loss = make_loss(network.loss, outputs=outputs, label_smoothing=network.label_smoothing)
        self._judge = make_loss(judge_loss(task), outputs=outputs)
        self._groups = _make_groups(network)
        self._averaged = [variable for variable in self.weights if network.average and variable.dtype == "float32"]
        self._averages = [tf.Variable(variable, trainable=False) for variable in self._averaged]
        self.run_steps = tf.function(self._run_steps, reduce_retracing=True)
        self._judge_rows = tf.function(self._judge_some, reduce_retracing=True)

    @property
    def variables(self) -> list[Any]:
        """Everything that a checkpoint must hold."""
        optimizers = [variable for _, optimizer, _ in self._groups for variable in optimizer.variables]
        return [*self.network.trainable, *self.network.state, *self._averages, *optimizers]

    @property
    def weights(self) -> list[Any]:
        """Everything that the numeric core is made of."""
        return [*self.network.trainable, *self.network.state]

    def read_weights(self) -> list[Array]:
        """The weights to judge and keep: their running averages where the network has such."""
        averages = {variable.path: average for variable, average in zip(self._averaged, self._averages, strict=True)}
        return [averages.get(variable.path, variable).numpy() for variable in self.weights]

    def write_weights(self, values: list[Array]) -> None:
        for variable, value in zip(self.weights, values, strict=True):
            variable.assign(value)

    def judge(self, rows: Array) -> tuple[Array, Array]:
        """Return the judging loss of each row and the outputs; `rows` may have a leading axis of members."""
        losses, outputs = [], []
        for start in range(0, rows.shape[-1], ROWS_AT_ONCE):
            loss, output = self._judge_rows(tf.constant(rows[..., start : start + ROWS_AT_ONCE], dtype=tf.int32))
            losses.append(loss.numpy())
            outputs.append(output.numpy())
        return np.concatenate(losses, axis=-1), np.concatenate(outputs, axis=-2)

    def _run_steps(self, order: Any, rates: Any, strengths: Any, first: Any, count: Any, offset: Any) -> Any:
        """Run steps `first` to `first + count` of an epoch; `offset` counts the steps before the epoch."""
        batch = self.network.batch_size
        total, hits = tf.constant(0.0), tf.constant(0.0)
        for step in tf.range(first, first + count):
            rows = order[..., step * batch : (step + 1) * batch]
            loss, hit = self._step(rows, rates[step], strengths[step], offset + step)
            total += loss
            hits += hit
        return total, hits

    def _step(self, rows: Any, rate: Any, strength: Any, number: Any) -> Any:
        network = self.network
        seed = tf.stack([tf.constant(self._seed, tf.int32), tf.cast(number, tf.int32)])
        inputs = {name: tf.gather(array, rows) for name, array in self._inputs.items()}
        targets = tf.gather(self._targets, rows)
        if network.augment is not None:
            inputs = network.augment(inputs, seed)
        with tf.GradientTape() as tape:
            outputs = network.forward(inputs, training=True, strength=strength, seed=seed)
            loss = self._loss(targets, outputs)
            mean = tf.reduce_mean(loss)
            objective = mean * float(max(1, network.members))
        gradients = tape.gradient(objective, network.trainable)
        self._update(dict(zip((v.path for v in network.trainable), gradients, strict=True)), rate, strength)
        return mean, self._hits(targets, outputs)

    def _update(self, gradients: dict[str, Any], rate: Any, strength: Any) -> None:
        network = self.network
        for factor, optimizer, variables in self._groups:
            optimizer.learning_rate.assign(rate * factor)
            optimizer.apply([gradients[variable.path] for variable in variables], variables)
        if network.weight_decay:
            for variable in network.trainable:
                if variable.path in network.decays:
                    pull = rate * strength * network.weight_decay * network.decays[variable.path]
                    variable.assign(variable * (1.0 - pull))
        if network.average:
            for average, variable in zip(self._averages, self._averaged, strict=True):
                average.assign(network.average * average + (1.0 - network.average) * tf.convert_to_tensor(variable))

    def _hits(self, targets: Any, outputs: Any) -> Any:
        if not self.classifies:
            return tf.constant(0.0)
        found = tf.argmax(outputs, axis=-1, output_type=targets.dtype)
        return tf.reduce_mean(tf.cast(tf.equal(found, targets), tf.float32))

    def _judge_some(self, rows: Any) -> Any:
        inputs = {name: tf.gather(array, rows) for name, array in self._inputs.items()}
        outputs = self.network.forward(inputs, training=False, strength=tf.constant(0.0), seed=tf.zeros(2, tf.int32))
        return self._judge(tf.gather(self._targets, rows), outputs), outputs


def _make_groups(network: Network) -> list[tuple[float, Any, list[Any]]]:
    """One optimiser for each distinct learning-rate factor."""
    by_factor: dict[float, list[Any]] = {}
    for variable in network.trainable:
        by_factor.setdefault(network.rate_factors.get(variable.path, 1.0), []).append(variable)
    groups = []
    for factor, variables in by_factor.items():
        optimizer = _make_optimizer(network)
        optimizer.build(variables)
        groups.append((factor, optimizer, variables))
    return groups


def _make_optimizer(network: Network) -> Any:
    settings: dict[str, Any] = {"learning_rate": network.learning_rate}
    if network.optimizer in ("adam", "adamw", "nadam", "lion"):
        settings |= network.optimizer_settings
    if network.optimizer == "sgd":
        settings |= {"momentum": 0.9, "nesterov": True}
    kinds = {
        "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.Adam,
        "nadam": keras.optimizers.Nadam,
        "lion": keras.optimizers.Lion,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": keras.optimizers.SGD,
        "adagrad": keras.optimizers.Adagrad,
    }
    return kinds[network.optimizer](**settings)
