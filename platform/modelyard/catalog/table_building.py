"""The network of both templates for tables: a group of RealMLP networks in one program.

After Holzmüller, Grinsztajn and Steinwart, "Better by default" (NeurIPS 2024, arXiv 2407.04491): weights that start
at unit
scale on the data, a learned factor for each input, periodic embeddings of numbers, waves of the learning rate,
dropout and
weight decay that fade. All members are one batched product of matrices, which costs little more than one network.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import Input, Model, layers, ops
from numpy.typing import NDArray

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.tables import choose_batch_size, choose_epochs, choose_members

Array = NDArray[np.float32]
FREQUENCIES, EMBEDDED = 16, 3
FREQUENCY_SCALE = 0.1
CODE_WIDTH = 8
FEWEST_DISTINCT = 4
"""Inputs with fewer distinct values are switches; bending them is useless."""
MOST_EMBEDDED = 100
SAMPLE = 1024
AVERAGE = 0.95
BIAS_RATE, SCALE_RATE, EMBEDDING_RATE = 0.1, 6.0, 0.1


class TableMembers:
    """The variables of the group and what is computed from them. Arrays are (members, rows, features)."""

    def __init__(self, problem: Problem, *, members: int, width: int, depth: int, dropout: float, embed: bool) -> None:
        self._random = np.random.default_rng([problem.seed, 7])
        self.members = members
        self.dropout = dropout
        self._products = "float32"
        self.classifies = problem.task == "classification"
        self.code_sizes = problem.code_sizes
        self.number_count = problem.inputs["numbers"].shape[1] if "numbers" in problem.inputs else 0
        self.embedded = _find_embedded(problem) if embed else np.zeros(0, dtype=np.int64)
        self.rate_factors: dict[str, float] = {}
        self.decays: dict[str, float] = {}
        self.trainable: list[Any] = []
        self._make_embeddings()
        self._make_layers(problem, width, depth)

    def forward(self, inputs: Any, *, training: bool, strength: Any, seed: Any) -> Any:
        signal = self._embed(inputs) * self.scale[:, None, :]
        last = len(self.kernels) - 1
        for index, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            products = self._products if index < last else "float32"
            signal = _multiply(signal, kernel, products) + bias[:, None, :]
            if index < last:
                signal = self._activate(signal)
                if training and self.dropout:
                    signal = _drop(signal, self.dropout * strength, seed + tf.constant([0, 7919 * (index + 1)]))
        return signal

    @contextmanager
    def mix(self, precision: str) -> Iterator[None]:
        """The products of all layers but the last are computed from rounded numbers. Waves are not: their angles are
        large."""
        self._products = precision.removeprefix("mixed_")
        try:
            yield
        finally:
            self._products = "float32"

    def _activate(self, signal: Any) -> Any:
        return tf.nn.selu(signal) if self.classifies else signal * tf.tanh(tf.nn.softplus(signal))

    def _add(self, name: str, value: NDArray[Any], *, rate: float = 1.0, decay: float = 0.0) -> Any:
        variable = keras.Variable(value.astype(np.float32), name=name)
        self.trainable.append(variable)
        self.rate_factors[variable.path] = rate
        if decay:
            self.decays[variable.path] = decay
        return variable

    def _make_embeddings(self) -> None:
        members, count, random = self.members, len(self.embedded), self._random
        if count:
            rate = EMBEDDING_RATE
            shape = (members, count, FREQUENCIES)
            self.waves = self._add("waves", random.normal(0, FREQUENCY_SCALE, shape), rate=rate)
            self.phases = self._add("phases", random.uniform(-math.pi, math.pi, shape), rate=rate)
            bound = 1 / math.sqrt(FREQUENCIES)
            mixers = random.uniform(-bound, bound, (members, count, FREQUENCIES, EMBEDDED))
            self.mixers = self._add("mixers", mixers, rate=rate)
            self.offsets = self._add("offsets", random.uniform(-bound, bound, (members, count, EMBEDDED)), rate=rate)
        self.tables = [
            self._add(f"table_{index}", random.normal(0, 1, (members, size, CODE_WIDTH)), decay=1.0)
            for index, size in enumerate(self.code_sizes)
        ]

    def _make_layers(self, problem: Problem, width: int, depth: int) -> None:
        """Draw weights and biases so that on the data every unit has unit spread and bends inside the data."""
        rows = self._random.permutation(problem.rows)[:SAMPLE]
        sample = {name: np.tile(array[rows], (self.members, 1, 1)) for name, array in problem.inputs.items()}
        signal = self._embed({name: tf.constant(array) for name, array in sample.items()}).numpy()
        self.scale = self._add("scale", np.ones((self.members, signal.shape[2])), rate=SCALE_RATE, decay=SCALE_RATE)
        self.kernels: list[Any] = []
        self.biases: list[Any] = []
        for index in range(depth + 1):
            incoming, outgoing = signal.shape[2], width if index < depth else problem.outputs
            kernel = self._random.normal(0, 1, (self.members, incoming, outgoing)).astype(np.float32)
            result = signal @ kernel
            kernel /= np.maximum(result.std(axis=1, keepdims=True), 1e-3)
            result = signal @ kernel
            bias = self._draw_bias(result)
            self.kernels.append(self._add(f"kernel_{index}", kernel, rate=1 / math.sqrt(incoming), decay=1.0))
            self.biases.append(self._add(f"bias_{index}", bias, rate=BIAS_RATE))
            signal = self._activate(tf.constant(result + bias[:, None, :])).numpy()

    def _draw_bias(self, result: Array) -> Array:
        """Minus a random mixture of five rows' values, for every unit."""
        members, rows, units = result.shape
        chosen = self._random.integers(0, rows, (members, 5, units))
        shares = self._random.exponential(1.0, (members, 5, units))
        shares /= shares.sum(axis=1, keepdims=True)
        bias: Array = -(np.take_along_axis(result, chosen, axis=1) * shares).sum(axis=1).astype(np.float32)
        return bias

    def _embed(self, inputs: Any) -> Any:
        parts = []
        if len(self.embedded):
            chosen = tf.gather(inputs["numbers"], self.embedded, axis=-1)
            waves = tf.cos(2 * math.pi * chosen[..., None] * self.waves[:, None] + self.phases[:, None])
            mixed = tf.einsum("mbdk,mdkj->mbdj", waves, self.mixers) + self.offsets[:, None]
            parts.append(tf.reshape(mixed, (self.members, -1, len(self.embedded) * EMBEDDED)))
        for index, table in enumerate(self.tables):
            parts.append(tf.gather(tf.convert_to_tensor(table), inputs["codes"][..., index], batch_dims=1))
        if self.number_count:
            parts.append(inputs["numbers"])
        return tf.concat(parts, axis=-1)

    def make_core(self) -> Model:
        """The same in built-in layers, with factors multiplied out, from rows (rows, features) to the members' mean."""
        inputs: dict[str, Any] = {}
        first = self.kernels[0].numpy() * self.scale.numpy()[:, :, None]
        bias = self.biases[0].numpy()
        own, own_kernel, bias = self._fold_own(inputs, first, bias)
        parts = []
        if self.number_count:
            numbers = inputs.setdefault("numbers", Input((self.number_count,), name="numbers"))
            parts.append(_dense_members(numbers, first[:, -self.number_count :], bias))
        if own is not None:
            parts.append(_einsum(own, own_kernel, None if parts else bias))
        signal = layers.Add()(parts) if len(parts) > 1 else parts[0]
        for kernel, following in zip(self.kernels[1:], self.biases[1:], strict=True):
            signal = layers.Activation("selu" if self.classifies else "mish")(signal)
            signal = _einsum(signal, kernel.numpy(), following.numpy())
        if self.classifies:
            return Model(inputs, {"probabilities": ops.mean(ops.softmax(signal, axis=-1), axis=0)}, name="core")
        return Model(inputs, {"value": ops.mean(signal, axis=0)}, name="core")

    def _fold_own(self, inputs: dict[str, Any], first: Array, bias: Array) -> tuple[Any, Array, Array]:
        """What every member computes for itself before the first layer, and the part of the first layer for it."""
        parts, kernels, place = [], [], 0
        if len(self.embedded):
            numbers = inputs.setdefault("numbers", Input((self.number_count,), name="numbers"))
            parts.append(self._wave_part(numbers))
            place = len(self.embedded) * EMBEDDED
            block = first[:, :place].reshape(self.members, len(self.embedded), EMBEDDED, -1)
            folded = np.einsum("mdkj,mdjo->mdko", self.mixers.numpy(), block)
            kernels.append(folded.reshape(self.members, len(self.embedded) * FREQUENCIES, -1))
            bias = bias + np.einsum("mdj,mdjo->mo", self.offsets.numpy(), block)
        if self.code_sizes:
            codes = inputs.setdefault("codes", Input((len(self.code_sizes),), dtype="int32", name="codes"))
            parts += [self._code_part(codes, index) for index in range(len(self.code_sizes))]
            kernels.append(first[:, place : place + CODE_WIDTH * len(self.code_sizes)])
        if not parts:
            return None, first, bias
        own = layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
        return own, np.concatenate(kernels, axis=1), bias

    def _wave_part(self, numbers: Any) -> Any:
        count = len(self.embedded)
        chosen = np.tile(np.repeat(self.embedded, FREQUENCIES), self.members)
        angles = ops.take(numbers, chosen, axis=1) * (2 * math.pi * self.waves.numpy()).reshape(-1)
        waves = ops.cos(angles + self.phases.numpy().reshape(-1))
        return _split_members(waves, self.members, count * FREQUENCIES)

    def _code_part(self, codes: Any, index: int) -> Any:
        table = self.tables[index].numpy()
        size = table.shape[1]
        layer = layers.Embedding(size, self.members * CODE_WIDTH, name=f"codes_{index}")
        found = layer(codes[:, index])
        layer.set_weights([table.transpose(1, 0, 2).reshape(size, -1)])
        return _split_members(found, self.members, CODE_WIDTH)


def build_table_network(problem: Problem, hyperparameters: Mapping[str, Any], *, label_smoothing: float) -> Network:
    """Return the network with everything that was left open chosen from the number of rows."""
    width, depth = hyperparameters["width"], hyperparameters["depth"]
    members = hyperparameters["members"] or choose_members(problem.rows)
    group = TableMembers(
        problem,
        members=members,
        width=width,
        depth=depth,
        dropout=hyperparameters["dropout"],
        embed=hyperparameters["number_embeddings"],
    )
    inputs = group.scale.shape[1]
    return Network(
        forward=group.forward,
        trainable=group.trainable,
        state=[],
        make_core=group.make_core,
        epochs=hyperparameters["epochs"] or choose_epochs(problem.rows, inputs, width, depth, members),
        batch_size=hyperparameters["batch_size"] or choose_batch_size(problem.rows),
        learning_rate=hyperparameters["learning_rate"],
        schedule=hyperparameters["schedule"],
        optimizer=hyperparameters["optimizer"],
        optimizer_settings={"beta_2": 0.95},
        loss=hyperparameters["loss"],
        members=members,
        label_smoothing=label_smoothing,
        weight_decay=hyperparameters["weight_decay"],
        average=AVERAGE,
        rate_factors=group.rate_factors,
        decays=group.decays,
        mix=group.mix,
    )


def _find_embedded(problem: Problem) -> NDArray[np.int64]:
    """The inputs that are numbers rather than switches; none where there are too many to embed."""
    numbers = problem.inputs.get("numbers")
    if numbers is None:
        return np.zeros(0, dtype=np.int64)
    sample = numbers[:: max(1, len(numbers) // 4096)]
    distinct = np.array([len(np.unique(sample[:, index])) for index in range(sample.shape[1])])
    found = np.flatnonzero(distinct >= FEWEST_DISTINCT)
    return found if len(found) <= MOST_EMBEDDED else np.zeros(0, dtype=np.int64)


def _multiply(signal: Any, kernel: Any, products: str) -> Any:
    """The product in float32, of numbers rounded to the type `products`."""
    return tf.cast(tf.matmul(tf.cast(signal, products), tf.cast(kernel, products)), tf.float32)


def _drop(signal: Any, rate: Any, seed: Any) -> Any:
    kept = tf.random.stateless_uniform(tf.shape(signal), seed) >= rate
    return tf.where(kept, signal / (1.0 - rate), 0.0)


def _split_members(signal: Any, members: int, width: int) -> Any:
    """(rows, members * width) to (members, rows, width)."""
    return ops.transpose(ops.reshape(signal, (-1, members, width)), (1, 0, 2))


def _dense_members(signal: Any, kernel: Array, bias: Array) -> Any:
    """One product for all members on inputs that they share."""
    members, incoming, outgoing = kernel.shape
    layer = layers.Dense(members * outgoing)
    result = layer(signal)
    layer.set_weights([kernel.transpose(1, 0, 2).reshape(incoming, -1), bias.reshape(-1)])
    return _split_members(result, members, outgoing)


def _einsum(signal: Any, kernel: Array, bias: Array | None) -> Any:
    """A product for each member on inputs of its own."""
    members, _, outgoing = kernel.shape
    layer = layers.EinsumDense("mbi,mio->mbo", output_shape=(None, outgoing))
    result = layer(signal)
    layer.set_weights([kernel])
    if bias is None:
        return result
    return result + bias.reshape(members, 1, outgoing)
