"""The network for texts: a linear branch on weighted grams beside a network that reads the words in their order.

Both branches learn by themselves. Trained together, the linear one, which soon knows the training texts by heart, would
leave the other nothing to learn; so their logits are added at the end only, by factors that held-out rows choose.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import Input, Model, layers, ops
from numpy.typing import NDArray

from modelyard.catalog.building import Arrays, Network, Problem
from modelyard.catalog.mixing import mix_layers
from modelyard.catalog.text_linear import Shape, fit_members, spread_rows, weigh_branches
from modelyard.catalog.texts import choose_batch_size, choose_epochs, choose_members

ROWS_AT_ONCE = 512
CODE_WIDTH = 8
Reader = Callable[[Any, Any, int], Any]
"""From the token numbers and a mask of those that are no padding to numbers about the text; the int is a seed."""


class TextMembers:
    """Members side by side, each with both branches. Without members there is one, and arrays have no axis for it."""

    def __init__(self, problem: Problem, *, members: int, read: Reader, dropout: float, hidden: int) -> None:
        self.members = members
        self.outputs = problem.outputs
        self.code_sizes = problem.code_sizes
        self.numbers = problem.inputs["numbers"].shape[-1]
        self.shape = Shape(grams=problem.id_sizes["gram_ids"], numbers=self.numbers, code_sizes=problem.code_sizes)
        count = max(1, members)
        self.wide = keras.Variable(
            np.zeros((count, self.shape.width, self.outputs), np.float32), trainable=False, name="wide"
        )
        self.offset = keras.Variable(np.zeros((count, self.outputs), np.float32), trainable=False, name="offset")
        self.factors = keras.Variable(np.full(2, 0.5, np.float32), trainable=False, name="factors")
        self.widths = {name: problem.inputs[name].shape[-1] for name in ("gram_ids", "token_ids")}
        self.deep = [
            self._build_deep(read, dropout=dropout, hidden=hidden, seed=problem.seed + member)
            for member in range(count)
        ]

    @property
    def trainable(self) -> list[Any]:
        return [variable for model in self.deep for variable in model.trainable_variables]

    @property
    def state(self) -> list[Any]:
        random = [variable for model in self.deep for variable in model.non_trainable_variables]
        return [self.wide, self.offset, self.factors, *random]

    def _build_deep(self, read: Reader, *, dropout: float, hidden: int, seed: int) -> Model:
        """A Keras model from token numbers, numbers and codes to logits."""
        inputs = {"token_ids": Input((self.widths["token_ids"],), dtype="int32", name="token_ids")}
        present = ops.cast(ops.not_equal(inputs["token_ids"], 0), "float32")[:, :, None]
        parts = [read(inputs["token_ids"], present, seed)]
        inputs["numbers"] = Input((self.numbers,), name="numbers")
        parts.append(inputs["numbers"])
        if self.code_sizes:
            inputs["codes"] = Input((len(self.code_sizes),), dtype="int32", name="codes")
            parts += [
                layers.Embedding(size, CODE_WIDTH)(inputs["codes"][:, index])
                for index, size in enumerate(self.code_sizes)
            ]
        signal = layers.Concatenate()(parts)
        if self.code_sizes:
            signal = layers.Dense(hidden, activation="silu")(signal)
        signal = layers.Dropout(dropout, seed=seed)(signal)
        return Model(inputs, layers.Dense(self.outputs)(signal))

    def forward(self, inputs: Any, *, training: bool, strength: Any, seed: Any) -> Any:
        """While training the logits of the reading branch alone, else those of both."""
        members = [self._take(inputs, member) for member in range(len(self.deep))]
        deep = [
            model({tensor.name: member[tensor.name] for tensor in model.inputs}, training=training)
            for model, member in zip(self.deep, members, strict=True)
        ]
        if not training:
            factors = tf.convert_to_tensor(self.factors)
            deep = [
                factors[0] * self._answer_wide(member, index) + factors[1] * logits
                for index, (member, logits) in enumerate(zip(members, deep, strict=True))
            ]
        return tf.stack(deep) if self.members else deep[0]

    def _take(self, inputs: Any, member: int) -> dict[str, Any]:
        return {name: array[member] if self.members else array for name, array in inputs.items()}

    def _answer_wide(self, inputs: Mapping[str, Any], member: int) -> Any:
        table = tf.convert_to_tensor(self.wide)[member]
        picked = tf.gather(table[: self.shape.grams], inputs["gram_ids"])
        logits = tf.reduce_sum(picked * inputs["gram_weights"][..., None], axis=-2) + self.offset[member]
        start = self.shape.grams + self.numbers
        logits += tf.matmul(inputs["numbers"], table[self.shape.grams : start])
        for index, size in enumerate(self.code_sizes):
            logits += tf.gather(table[start : start + size], inputs["codes"][..., index])
            start += size
        return logits

    def prepare(
        self, inputs: Arrays, targets: NDArray[Any], train: NDArray[np.int64], validation: NDArray[np.int64]
    ) -> None:
        """Fit the linear branch of every member to its own rows."""
        matrix = spread_rows(inputs, self.shape)
        lists = [train, validation] if self.members else [train[None], validation[None]]
        weights, offset = fit_members(matrix, targets.astype(np.int64), list(lists[0]), list(lists[1]), self.outputs)
        self.wide.assign(weights.astype(np.float32))
        self.offset.assign(offset.astype(np.float32))

    def settle(
        self, inputs: Arrays, targets: NDArray[Any], validation: NDArray[np.int64], weights: NDArray[np.float32]
    ) -> None:
        """Choose the factors of the branches on the rows that each member has not seen."""
        rows = validation if self.members else validation[None]
        counted = weights.reshape(rows.shape) > 0
        if not counted.any():
            return
        wide, deep = [], []
        for member, (held_out, kept) in enumerate(zip(rows, counted, strict=True)):
            for start in range(0, len(held_out[kept]), ROWS_AT_ONCE):
                chosen = held_out[kept][start : start + ROWS_AT_ONCE]
                given = {name: tf.constant(array[chosen]) for name, array in inputs.items()}
                model = self.deep[member]
                deep.append(model({tensor.name: given[tensor.name] for tensor in model.inputs}, training=False).numpy())
                wide.append(self._answer_wide(given, member).numpy())
        truth = targets[np.concatenate([held_out[kept] for held_out, kept in zip(rows, counted, strict=True)])]
        factors = weigh_branches(
            np.concatenate(wide).astype(np.float64), np.concatenate(deep).astype(np.float64), truth.astype(np.int64)
        )
        self.factors.assign(np.array(factors, np.float32))

    def make_core(self) -> Model:
        """One table for the linear branches, whose mean is linear again, and the mean of what the readers answer."""
        inputs = {
            "gram_ids": Input((self.widths["gram_ids"],), dtype="int32", name="gram_ids"),
            "gram_weights": Input((self.widths["gram_ids"],), name="gram_weights"),
            "token_ids": Input((self.widths["token_ids"],), dtype="int32", name="token_ids"),
            "numbers": Input((self.numbers,), name="numbers"),
        }
        if self.code_sizes:
            inputs["codes"] = Input((len(self.code_sizes),), dtype="int32", name="codes")
        wide, deep = (float(factor) for factor in self.factors.numpy())
        logits = self._wide_core(inputs, wide * self.wide.numpy().mean(axis=0), wide * self.offset.numpy().mean(axis=0))
        read = [model({tensor.name: inputs[tensor.name] for tensor in model.inputs}) for model in self.deep]
        mean = layers.Average()(read) if len(read) > 1 else read[0]
        probabilities = layers.Softmax(name="probabilities")(logits + deep * mean)
        return Model(inputs, {"probabilities": probabilities}, name="core")

    def _wide_core(self, inputs: Mapping[str, Any], table: NDArray[Any], offset: NDArray[Any]) -> Any:
        start = self.shape.grams + self.numbers
        embedding = layers.Embedding(self.shape.grams, self.outputs)
        picked = embedding(inputs["gram_ids"])
        embedding.set_weights([table[: self.shape.grams]])
        logits = ops.sum(picked * inputs["gram_weights"][:, :, None], axis=1)
        dense = layers.Dense(self.outputs)
        logits = logits + dense(inputs["numbers"])
        dense.set_weights([table[self.shape.grams : start], offset])
        for index, size in enumerate(self.code_sizes):
            lookup = layers.Embedding(size, self.outputs)
            logits = logits + lookup(inputs["codes"][:, index])
            lookup.set_weights([table[start : start + size]])
            start += size
        return logits


def build_text_network(problem: Problem, hyperparameters: Mapping[str, Any], read: Reader) -> Network:
    """Return the network with everything that was left open chosen from the number of rows."""
    table = problem.id_sizes["gram_ids"] * problem.outputs
    members = hyperparameters["members"]
    members = choose_members(problem.rows, table) if members is None else members
    width = problem.inputs["token_ids"].shape[-1]
    group = TextMembers(
        problem,
        members=members,
        read=read,
        dropout=hyperparameters["dropout"],
        hidden=hyperparameters["width"],
    )
    return Network(
        forward=group.forward,
        trainable=group.trainable,
        state=group.state,
        make_core=group.make_core,
        epochs=hyperparameters["epochs"] or choose_epochs(problem.rows, width, hyperparameters, members),
        batch_size=hyperparameters["batch_size"] or choose_batch_size(problem.rows),
        learning_rate=hyperparameters["learning_rate"],
        schedule=hyperparameters["schedule"],
        optimizer=hyperparameters["optimizer"],
        loss=hyperparameters["loss"],
        members=members,
        label_smoothing=hyperparameters["label_smoothing"],
        prepare=group.prepare,
        settle=group.settle,
        mix=mix_layers([layer for model in group.deep for layer in model.layers[:-1]]),
    )
