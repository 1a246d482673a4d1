"""Trains upon a pre-trained text encoder: heads on what it says of a text, then its last blocks where that pays."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import psutil
from keras import layers, ops
from numpy.typing import NDArray

from modelyard.catalog.text_transfer.spec import EPOCHS
from modelyard.contracts.weights import Weights
from modelyard.features.encoded_texts import EncodedTexts
from workers.training.devices import describe_device
from workers.training.linear import spread
from workers.training.networks import NetworkSolution
from workers.training.preparing import Material
from workers.training.solution import Job
from workers.training.transfer.asking import Asked, ask_encoder
from workers.training.transfer.backbones import Backbone
from workers.training.transfer.caching import SHARE_OF_MEMORY, Cache
from workers.training.transfer.encoders import Encoder, choose_pools, load_encoder
from workers.training.transfer.heads import Head, fit_head
from workers.training.transfer.telling import describe_history, describe_training
from workers.training.transfer.training import BATCH_SIZE, FEWEST_TO_TUNE
from workers.training.transfer.tuning import Tuning, tune

WEIGHTS = "weights"
"""The folder in the folder of the run."""
MOST_CODES = 2000
"""A column beside the texts with more levels than this is left out of the head."""
ROWS_AT_ONCE = 32
IDS = "token_ids"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The head that was best on the validation part, and what it looks at."""

    name: str
    pools: tuple[str, ...]
    cache: Cache
    head: Head


def train_text_transfer(job: Job, material: Material, hyperparameters: Mapping[str, Any]) -> NetworkSolution:
    """Raises `TrainingFailure` where the weights of the plan cannot be used, or are too slow for so many texts."""
    assert isinstance(material.features, EncodedTexts)
    job.speaker.phase("training")
    began = time.monotonic()
    found = load_encoder(job.folder / WEIGHTS, Weights.from_json(job.plan.weights))
    ids = material.inputs[IDS]
    encoder = Encoder(job.folder / WEIGHTS, found, columns=len(material.features.texts))
    sizes = tuple(size if size <= MOST_CODES else 0 for size in material.code_sizes)
    tuned_blocks = _settle_tuning(job, material, hyperparameters, found.architecture.width)
    pools = choose_pools(found.architecture)
    every = tuple(dict.fromkeys(pool for group in pools.values() for pool in group))
    asked = ask_encoder(
        job,
        lambda width: encoder.cut(width, tuned_blocks, every),
        ids,
        material.learnable,
        padding=found.pieces.padding,
        with_inner=tuned_blocks > 0,
        shorten=len(material.features.texts) == 1,
    )
    choice = _choose_head(job, material, asked, encoder, pools, every, tuned_blocks, sizes)
    backbone = encoder.cut(ids.shape[1], tuned_blocks, choice.pools)
    head, tuned = _tune_where_better(job, material, backbone, choice, hyperparameters)
    job.speaker.device(describe_device(job.device["kind"] == "gpu"))
    core = _make_core(backbone, head, material, sizes)
    seconds = time.monotonic() - began
    solution = NetworkSolution(
        core,
        training=describe_training(job, core, choice.head, head, tuned, seconds, pooling=choice.name),
        history=describe_history(choice.head, tuned),
        held_out=None,
        rows_at_once=ROWS_AT_ONCE,
    )
    solution.training["seconds_a_row"] = solution.time_answer(material.inputs)
    return solution


def _settle_tuning(job: Job, material: Material, hyperparameters: Mapping[str, Any], width: int) -> int:
    """How many blocks are tuned: none where there are too few texts, or too little memory for what lies before them."""
    blocks: int = hyperparameters["tuned_blocks"]
    enough = len(material.parts.train) >= FEWEST_TO_TUNE * material.outputs and len(material.parts.validation) > 0
    if not blocks or not enough:
        return 0
    wanted = 2 * len(material.learnable) * material.inputs[IDS].shape[1] * width
    if wanted > SHARE_OF_MEMORY * psutil.virtual_memory().available:
        job.speaker.log("There is too little memory to tune the network on so many texts; it stays as it is.")
        return 0
    return blocks


def _choose_head(
    job: Job,
    material: Material,
    asked: Asked,
    encoder: Encoder,
    pools: Mapping[str, tuple[str, ...]],
    every: Sequence[str],
    tuned_blocks: int,
    sizes: tuple[int, ...],
) -> Choice:
    """Fit a head to each way to pool, and keep the one with the least loss; without validation the first way."""
    train, learnable = len(material.parts.train), material.learnable
    beside = spread({name: material.inputs[name][learnable] for name in _beside(material)}, sizes)
    targets = material.targets[learnable]
    width = encoder.architecture.width
    ordered = encoder.order(tuned_blocks, every)
    best: Choice | None = None
    for name, group in pools.items():
        if best is not None and (job.must_end or not np.isfinite(best.head.loss)):
            break
        mine = encoder.order(tuned_blocks, group)
        columns = [ordered.index(pool) * width + place for pool in mine for place in range(width)]
        early = width * encoder.count_early(tuned_blocks, group)
        cache = asked.pick(columns, beside, early)
        features = cache.features[:, 0]
        head = fit_head(job, features[:train], targets[:train], features[train:], targets[train:], material.outputs)
        if np.isfinite(head.loss):
            job.speaker.log(f"On the frozen network ({name}), {head.accuracy:.2%} of the validation part are right.")
        if best is None or head.loss < best.head.loss:
            best = Choice(name=name, pools=group, cache=cache, head=head)
    assert best is not None
    return best


def _tune_where_better(
    job: Job, material: Material, backbone: Backbone, choice: Choice, hyperparameters: Mapping[str, Any]
) -> tuple[Head, Tuning | None]:
    """Go on from the best head; what does not make it better is undone."""
    if choice.cache.inner is None or job.must_end:
        return choice.head, None
    before = backbone.whole.get_weights()
    tuned = tune(
        job,
        backbone,
        choice.cache,
        choice.head,
        targets=material.targets[material.learnable],
        train=len(material.parts.train),
        decoder=material.decoder,
        hyperparameters=hyperparameters,
        epochs=hyperparameters["epochs"] or EPOCHS,
        batch_size=max(1, (hyperparameters["batch_size"] or BATCH_SIZE) // job.batch_divisor),
    )
    if tuned.head.loss < choice.head.loss:
        return tuned.head, tuned
    backbone.whole.set_weights(before)
    job.speaker.log("Tuning the network did not make it better on the validation part; it stays as it was.")
    return choice.head, tuned


def _beside(material: Material) -> tuple[str, ...]:
    return tuple(name for name in ("numbers", "codes") if name in material.inputs)


def _make_core(backbone: Backbone, head: Head, material: Material, sizes: tuple[int, ...]) -> keras.Model:
    """The network, what stands beside the texts, and the head with the scaling folded into its weights."""
    inputs = {IDS: backbone.whole.input}
    parts = []
    for name in _beside(material):
        array: NDArray[Any] = material.inputs[name]
        inputs[name] = keras.Input(array.shape[1:], dtype=array.dtype.name, name=name)
    if "numbers" in inputs:
        parts.append(inputs["numbers"])
    for index, size in enumerate(sizes):
        if size:
            parts.append(ops.one_hot(inputs["codes"][:, index], size))
    kernel = head.kernel * head.scale[:, np.newaxis]
    dense = layers.Dense(kernel.shape[1], name="logits")
    logits = dense(ops.concatenate([*parts, backbone.whole.output], axis=1))
    dense.set_weights([kernel, head.bias - head.mean @ kernel])
    probabilities = layers.Softmax(name="probabilities")(logits)
    return keras.Model(inputs, {"probabilities": probabilities}, name="core")
