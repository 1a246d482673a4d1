"""Trains upon pre-trained weights: a head on the frozen network, then the network's last part where that pays."""

import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import layers

from modelyard.catalog.building import Problem
from modelyard.catalog.image_building import augment_images
from modelyard.catalog.image_transfer.spec import EPOCHS, VIEWS
from modelyard.contracts.weights import Weights
from workers.training.devices import describe_device
from workers.training.networks import NetworkSolution
from workers.training.preparing import Material
from workers.training.solution import Job
from workers.training.transfer.backbones import Backbone, load_network, make_backbone
from workers.training.transfer.caching import Cache, fill_cache
from workers.training.transfer.heads import Head, fit_head
from workers.training.transfer.telling import describe_history, describe_training
from workers.training.transfer.tuning import Tuning, tune

WEIGHTS = "weights.keras"
"""The file in the folder of the run."""
IMAGE = "image"
BATCH_SIZE = 32
FEWEST_TO_TUNE = 10
"""Images of training for each class, below which the network stays as it is."""


def train_transfer(job: Job, material: Material, hyperparameters: Mapping[str, Any]) -> NetworkSolution:
    """Raises `TrainingFailure` where the weights of the plan cannot be used."""
    job.speaker.phase("training")
    began = time.monotonic()
    backbone = make_backbone(
        load_network(job.folder / WEIGHTS, Weights.from_json(job.plan.weights)), material.inputs[IMAGE].shape[1]
    )
    train, validation = material.parts.train, material.parts.validation
    targets = material.targets[np.concatenate([train, validation])]
    tuned: Tuning | None = None
    cache = _ask_frozen(job, backbone, material, hyperparameters)
    head = _fit_frozen(job, cache, targets, len(train), material.outputs)
    frozen = head
    if cache.inner is not None and not job.must_end:
        before = backbone.whole.get_weights()
        tuned = tune(
            job,
            backbone,
            cache,
            head,
            targets=targets,
            train=len(train),
            decoder=material.decoder,
            hyperparameters=hyperparameters,
            epochs=hyperparameters["epochs"] or EPOCHS,
            batch_size=max(1, (hyperparameters["batch_size"] or BATCH_SIZE) // job.batch_divisor),
        )
        if tuned.head.loss < head.loss:
            head = tuned.head
        else:
            backbone.whole.set_weights(before)
            job.speaker.log("Tuning the network did not make it better on the validation part; it stays as it was.")
    job.speaker.device(describe_device(job.device["kind"] == "gpu"))
    core = _make_core(backbone, head)
    solution = NetworkSolution(
        core,
        training=describe_training(job, core, frozen, head, tuned, time.monotonic() - began, views=cache.views),
        history=describe_history(frozen, tuned),
        held_out=None,
    )
    solution.training["seconds_a_row"] = solution.time_answer(material.inputs)
    return solution


def _ask_frozen(job: Job, backbone: Backbone, material: Material, hyperparameters: Mapping[str, Any]) -> Cache:
    train = material.parts.train
    problem = Problem(
        task="classification",
        inputs={IMAGE: material.inputs[IMAGE][train[:1]]},
        targets=material.targets[train],
        outputs=material.outputs,
    )
    enough = len(train) >= FEWEST_TO_TUNE * material.outputs and len(material.parts.validation) > 0
    return fill_cache(
        job,
        backbone,
        material.inputs[IMAGE],
        (train, material.parts.validation),
        views=hyperparameters["views"] or VIEWS,
        augment=augment_images(hyperparameters["augmentation"], problem),
        tune=hyperparameters["tuning"] and enough,
    )


def _fit_frozen(job: Job, cache: Cache, targets: Any, train: int, classes: int) -> Head:
    features = cache.features[:train].reshape(-1, cache.features.shape[-1])
    head = fit_head(
        job,
        features,
        np.repeat(targets[:train], cache.views),
        cache.features[train:, 0],
        targets[train:],
        classes,
    )
    if np.isfinite(head.loss):
        job.speaker.log(f"On the frozen network, {head.accuracy:.2%} of the validation part are right.")
    return head


def _make_core(backbone: Backbone, head: Head) -> keras.Model:
    """The network and its head; the scaling of the features is folded into the weights of the head."""
    kernel = head.kernel * head.scale[:, np.newaxis]
    dense = layers.Dense(kernel.shape[1], name="logits")
    logits = dense(backbone.whole.output)
    dense.set_weights([kernel, head.bias - head.mean @ kernel])
    probabilities = layers.Softmax(name="probabilities")(logits)
    return keras.Model({IMAGE: backbone.whole.input}, {"probabilities": probabilities}, name="core")
