"""How compiled steps get at the rows: out of memory, or read ahead from a file while the step before computes."""

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from workers.training.stored import StoredRows

READERS, BATCHES_AHEAD = 2, 4
Tensors = dict[str, Any]


class Feed:
    """Inputs by name, each of them an array or `StoredRows`. `rows` in what follows are tensors of their numbers."""

    def __init__(self, inputs: Mapping[str, NDArray[Any] | StoredRows]) -> None:
        self._stored = {name: array for name, array in inputs.items() if isinstance(array, StoredRows)}
        self._held = {name: tf.constant(array) for name, array in inputs.items() if name not in self._stored}
        self._shapes = {name: tuple(array.shape[1:]) for name, array in inputs.items()}

    def gather(self, rows: Any) -> Tensors:
        """Return the inputs of these rows, shape (*rows.shape, …)."""
        gathered = {name: tf.gather(array, rows) for name, array in self._held.items()}
        for name, array in self._stored.items():
            read = tf.numpy_function(array.read, [rows], tf.as_dtype(array.dtype))
            gathered[name] = tf.ensure_shape(read, (*rows.shape, *self._shapes[name]))
        return gathered

    def batches(self, order: Any, batch: int, first: Any, count: Any) -> Iterator[Tensors]:
        """Return the inputs of `count` batches of the rows in `order`, the `first` one and those after it: one a call
        of `next` in the graph. Where all lies in memory there is nothing to read ahead."""
        steps = tf.data.Dataset.range(tf.cast(first, tf.int64), tf.cast(first + count, tf.int64))

        def read(step: Any) -> Tensors:
            rows = order[..., step * batch : (step + 1) * batch]
            return self.gather(tf.ensure_shape(rows, (*order.shape[:-1], batch)))

        batches: Iterator[Tensors] = iter(steps.map(read, num_parallel_calls=READERS).prefetch(BATCHES_AHEAD))
        return batches

    @property
    def is_stored(self) -> bool:
        """Whether some of it lies in a file."""
        return bool(self._stored)
