"""What training makes small, for each row. `outputs` are logits or standardised values, their last axis the outputs."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Loss = Callable[[Any, Any], Any]
FOCUS = 2.0


def make_loss(name: str, *, outputs: int, label_smoothing: float = 0.0) -> Loss:
    """Return the loss (targets, outputs) -> one number a row. Raises `KeyError` for an unknown name."""
    losses: dict[str, Loss] = {
        "crossentropy": lambda targets, logits: _cross_entropy(targets, logits, outputs, label_smoothing),
        "focal": _focal,
        "hinge": lambda targets, logits: _hinge(targets, logits, outputs),
        "mse": lambda targets, values: tf.square(values[..., 0] - targets),
        "mae": lambda targets, values: tf.abs(values[..., 0] - targets),
        "huber": lambda targets, values: _huber(values[..., 0] - targets),
        "log_cosh": lambda targets, values: _log_cosh(values[..., 0] - targets),
        "reconstruction": lambda _, pairs: _reconstruction(pairs),
    }
    return losses[name]


def judge_loss(task: str) -> str:
    """The loss by which epochs are compared, whatever the loss that is trained: honest probabilities, small errors."""
    return {"classification": "crossentropy", "anomaly_detection": "reconstruction"}.get(task, "mse")


def _cross_entropy(targets: Any, logits: Any, outputs: int, smoothing: float) -> Any:
    if smoothing == 0.0:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    wanted = tf.one_hot(targets, outputs) * (1.0 - smoothing) + smoothing / outputs
    return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)


def _focal(targets: Any, logits: Any) -> Any:
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
    return tf.pow(1.0 - tf.exp(-entropy), FOCUS) * entropy


def _hinge(targets: Any, logits: Any, outputs: int) -> Any:
    true = tf.one_hot(targets, outputs)
    best_other = tf.reduce_max(logits - 1e9 * true, axis=-1)
    return tf.nn.relu(1.0 + best_other - tf.reduce_sum(logits * true, axis=-1))


def _huber(error: Any) -> Any:
    size = tf.abs(error)
    return tf.where(size < 1.0, 0.5 * tf.square(error), size - 0.5)


def _reconstruction(pairs: Any) -> Any:
    """What was wanted and what came out stand side by side on the last axis; nothing else is the target."""
    wanted, found = tf.split(pairs, 2, axis=-1)
    return tf.reduce_mean(tf.square(wanted - found), axis=-1)


def _log_cosh(error: Any) -> Any:
    size = tf.abs(error)
    return size + tf.math.softplus(-2.0 * size) - tf.math.log(2.0)
