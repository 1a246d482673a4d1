"""The last part of a pre-trained network, tuned from the arrays at the cut: what lies before is not computed again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.catalog.building import Network
from modelyard.features import Decoder
from workers.training.engine import Engine
from workers.training.fitting import Fit, Fitter, Stopping
from workers.training.rows import RowPlan
from workers.training.solution import Job
from workers.training.transfer.backbones import Backbone
from workers.training.transfer.caching import Cache
from workers.training.transfer.heads import Head

RATE_OF_BACKBONE = 0.1
"""The learning rate of the pre-trained layers, as a share of that of the head."""
AVERAGE = 0.95


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How it went; `head` belongs to the features as they are now."""

    fit: Fit
    stopping: Stopping
    network: Network
    head: Head


def tune(
    job: Job,
    backbone: Backbone,
    cache: Cache,
    head: Head,
    *,
    targets: NDArray[Any],
    train: int,
    decoder: Decoder,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
) -> Tuning:
    """Go on from `head` and the network as it is. `targets` are those of the cached images, the first `train` of which
    are for training."""
    assert backbone.tail is not None
    assert cache.inner is not None
    kernel = keras.Variable(head.kernel, name="head_kernel")
    bias = keras.Variable(head.bias, name="head_bias")
    network = _make_network(backbone.tail, head, kernel, bias, hyperparameters, epochs, min(batch_size, train))
    everything = np.arange(len(targets))
    rows = RowPlan(
        train=everything[:train],
        validation=everything[train:],
        weights=np.ones(len(targets) - train, dtype=np.float32),
        truth=targets,
        decoder=decoder,
        seed=job.plan.seed,
    )
    engine = Engine(
        network,
        task="classification",
        outputs=head.kernel.shape[1],
        inputs={"early": cache.features[..., : cache.early], "inner": cache.inner},
        targets=targets,
        seed=job.plan.seed % 2**31,
    )
    stopping = Stopping(
        epochs=epochs,
        patience=hyperparameters["patience"],
        loss_threshold=hyperparameters["loss_threshold"],
        seconds=job.seconds_left,
        budget=job.budget,
    )
    fit = Fitter(engine, rows, stopping, job.speaker, job.folder).fit(job.plan_digest)
    judged = fit.memory.history[fit.memory.best_epoch - 1]
    return Tuning(
        fit=fit,
        stopping=stopping,
        network=network,
        head=Head(
            mean=head.mean,
            scale=head.scale,
            kernel=kernel.numpy(),
            bias=bias.numpy(),
            fitted=judged["loss"],
            loss=judged.get("val_loss", np.inf),
            accuracy=judged.get("val_accuracy", np.nan),
        ),
    )


def _make_network(
    tail: keras.Model,
    head: Head,
    kernel: keras.Variable,
    bias: keras.Variable,
    hyperparameters: Mapping[str, Any],
    epochs: int,
    batch_size: int,
) -> Network:
    """Normalisation over batches keeps the statistics of the pre-training: batches of a few images know no better."""
    mean, scale = tf.constant(head.mean), tf.constant(head.scale)

    def choose_views(inputs: Mapping[str, Any], seed: Any) -> dict[str, Any]:
        rows, views = tf.shape(inputs["early"])[0], tf.shape(inputs["early"])[1]
        drawn = tf.random.stateless_uniform((rows, 1), seed, 0, views, tf.int32)
        return {name: tf.gather(array, drawn, batch_dims=1) for name, array in inputs.items()}

    def forward(inputs: Mapping[str, Any], *, training: bool, strength: Any, seed: Any) -> Any:
        early = tf.cast(inputs["early"][:, 0], tf.float32)
        late = tail(tf.cast(inputs["inner"][:, 0], tf.float32), training=False)
        features = (tf.concat([early, late], axis=1) - mean) * scale
        return tf.matmul(features, kernel) + bias

    kernels = [variable for variable in tail.trainable_variables if variable.path.endswith("kernel")]
    return Network(
        forward=forward,
        trainable=[*tail.trainable_variables, kernel, bias],
        state=[],
        make_core=lambda: tail,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=hyperparameters["learning_rate"],
        schedule=hyperparameters["schedule"],
        optimizer=hyperparameters["optimizer"],
        loss=hyperparameters["loss"],
        label_smoothing=hyperparameters["label_smoothing"],
        weight_decay=hyperparameters["weight_decay"],
        decays={variable.path: RATE_OF_BACKBONE for variable in kernels} | {kernel.path: 1.0},
        rate_factors={variable.path: RATE_OF_BACKBONE for variable in tail.trainable_variables},
        average=AVERAGE,
        augment=choose_views,
    )
