"""The compiled part of training: steps and judgements over rows that lie in memory or in a file.

A call of `run_steps` executes many steps in one graph, so that Python is not in the way of small networks. Everything
random is drawn from (seed, step), so that a run taken up from a checkpoint goes on as it would have gone.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.catalog.building import Network
from workers.training.feeding import Feed
from workers.training.losses import judge_loss, make_loss
from workers.training.stored import StoredRows

NUMBERS_AT_ONCE = 4_000_000
MIXED = "mixed_bfloat16"
"""float16 would be as fast, but loses small gradients unless the loss is scaled; bfloat16 has the range of float32."""
FEWEST_AT_ONCE, MOST_AT_ONCE = 64, 16_384
Array = NDArray[Any]


def choose_rows_at_once(inputs: Mapping[str, Array | StoredRows]) -> int:
    """How many rows are answered together: as many as make a few million numbers."""
    numbers = sum(int(np.prod(array.shape[1:])) for array in inputs.values())
    return max(FEWEST_AT_ONCE, min(MOST_AT_ONCE, NUMBERS_AT_ONCE // max(1, numbers)))


@dataclass(frozen=True, kw_only=True)
class Way:
    """How gradients are computed: `fused` by XLA, `mixed` with products of bfloat16."""

    fused: bool
    mixed: bool


PLAIN = Way(fused=False, mixed=False)


class Engine:
    """Holds the rows, the network and its optimisers."""

    def __init__(
        self,
        network: Network,
        *,
        task: str,
        outputs: int,
        inputs: Mapping[str, Array | StoredRows],
        targets: Array,
        seed: int,
        devices: Sequence[str] = (),
    ):
        """A batch is spread over `devices` where there are several; its size is a multiple of their number."""
        self.network = network
        self._devices = devices
        self.classifies = task == "classification"
        self._feed = Feed(inputs)
        self._targets = tf.constant(targets)
        self._at_once = max(FEWEST_AT_ONCE, choose_rows_at_once(inputs) // max(1, network.members))
        self._seed = seed
        self._loss = make_loss(network.loss, outputs=outputs, label_smoothing=network.label_smoothing)
        smoothing = network.label_smoothing if network.loss == judge_loss(task) else 0.0
        self._judge = make_loss(judge_loss(task), outputs=outputs, label_smoothing=smoothing)
        self._groups = _make_groups(network)
        self._averaged = [variable for variable in self.weights if network.average and variable.dtype == "float32"]
        self._averages = [tf.Variable(variable, trainable=False) for variable in self._averaged]
        self._ways: dict[Way, tuple[Any, Any]] = {}
        self.choose(PLAIN)
        self._judge_rows = tf.function(self._judge_some, reduce_retracing=True, autograph=False)

    @property
    def variables(self) -> list[Any]:
        """Everything that a checkpoint must hold."""
        optimizers = [variable for _, optimizer, _ in self._groups for variable in optimizer.variables]
        return [*self.network.trainable, *self.network.state, *self._averages, *optimizers]

    @property
    def weights(self) -> list[Any]:
        """Everything that the numeric core is made of."""
        return [*self.network.trainable, *self.network.state]

    def choose(self, way: Way) -> None:
        """Compute gradients in this way from now on. Judging, and all that is kept, stays float32."""
        self.way = way
        if way not in self._ways:
            differentiate: Any = self._differentiate_some
            if way.fused:
                differentiate = tf.function(differentiate, jit_compile=True, autograph=False)
            self._ways[way] = differentiate, tf.function(self._run_steps, reduce_retracing=True, autograph=False)
        self._differentiate, self.run_steps = self._ways[way]

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
        for start in range(0, rows.shape[-1], self._at_once):
            loss, output = self._judge_rows(tf.constant(rows[..., start : start + self._at_once], dtype=tf.int32))
            losses.append(loss.numpy())
            outputs.append(output.numpy())
        return np.concatenate(losses, axis=-1), np.concatenate(outputs, axis=-2)

    def _run_steps(self, order: Any, rates: Any, strengths: Any, first: Any, count: Any, offset: Any) -> Any:
        """Run steps `first` to `first + count` of an epoch; `offset` counts the steps before the epoch."""
        batch = self.network.batch_size
        batches: Any = self._feed.batches(order, batch, first, count) if self._feed.is_stored else None

        def make_step(step: Any, total: Any, hits: Any) -> Any:
            rows = order[..., step * batch : (step + 1) * batch]
            inputs = self._feed.gather(rows) if batches is None else batches.get_next()
            loss, hit = self._step(inputs, rows, rates[step], strengths[step], offset + step)
            return step + 1, total + loss, hits + hit

        nothing = tf.constant(0.0)
        _, total, hits = tf.while_loop(lambda step, *_: step < first + count, make_step, (first, nothing, nothing))
        return total, hits

    def _step(self, inputs: Any, rows: Any, rate: Any, strength: Any, number: Any) -> Any:
        seed = tf.stack([tf.constant(self._seed, tf.int32), tf.cast(number, tf.int32)])
        targets = tf.gather(self._targets, rows)
        if self.network.augment is not None:
            inputs = self.network.augment(inputs, seed)
        mean, hits, gradients = self._differentiate_on_all(inputs, targets, strength, seed)
        self._update(dict(zip((v.path for v in self.network.trainable), gradients, strict=True)), rate, strength)
        return mean, hits

    def _differentiate_on_all(self, inputs: Any, targets: Any, strength: Any, seed: Any) -> Any:
        """Each device takes an equal part of the batch; the mean of what they find is that of the whole batch."""
        count = len(self._devices)
        if count < 2:
            return self._differentiate(inputs, targets, strength, seed)
        axis = 1 if self.network.members else 0
        parts = {name: tf.split(array, count, axis=axis) for name, array in inputs.items()}
        truths = tf.split(targets, count, axis=axis)
        found = []
        for place, device in enumerate(self._devices):
            with tf.device(device):
                part = {name: array[place] for name, array in parts.items()}
                found.append(self._differentiate(part, truths[place], strength, seed + tf.constant([0, place << 24])))
        means, hits, gradients = zip(*found, strict=True)
        return (
            tf.add_n(means) / count,
            tf.add_n(hits) / count,
            [tf.add_n(parts) / count for parts in zip(*gradients, strict=True)],
        )

    def _differentiate_some(self, inputs: Any, targets: Any, strength: Any, seed: Any) -> Any:
        """Mean loss, share of hits, and the gradients of all trainable variables."""
        network = self.network
        mix = network.mix if self.way.mixed else None
        with tf.GradientTape() as tape:
            with nullcontext() if mix is None else mix(MIXED):
                outputs = network.forward(inputs, training=True, strength=strength, seed=seed)
            outputs = tf.cast(outputs, tf.float32)
            loss = self._loss(targets, outputs)
            mean = tf.reduce_mean(loss)
            objective = mean * float(max(1, network.members))
        gradients = tape.gradient(objective, network.trainable)
        return mean, self._hits(targets, outputs), [tf.convert_to_tensor(gradient) for gradient in gradients]

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
        inputs = self._feed.gather(rows)
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
