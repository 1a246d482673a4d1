"""Solutions that are Keras networks."""

import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.catalog.building import Network, Problem
from workers.training.calibrating import SMALLEST
from workers.training.devices import describe_device, list_devices
from workers.training.engine import Engine, choose_rows_at_once
from workers.training.exporting import export_forms, export_onnx
from workers.training.fitting import TRIAL_SECONDS, Fit, Fitter, Stopping
from workers.training.preparing import Arrays, Material
from workers.training.rows import RowPlan, plan_rows
from workers.training.solution import HeldOut, Job

TRIAL_SECONDS_ON_GPU = 30.0
TIMED = 5
"""How often a single row is answered to find out how long that takes."""


class NetworkSolution:
    """A fitted network, or a group of members whose average answers. It is asked about `rows_at_once` together, or as
    many as their inputs suggest."""

    def __init__(
        self,
        core: Any,
        *,
        training: dict[str, Any],
        history: list[dict[str, Any]],
        held_out: HeldOut | None,
        rows_at_once: int | None = None,
    ) -> None:
        self._rows_at_once = rows_at_once
        self._set_core(core)
        self.training = training
        self.history = history
        self.held_out = held_out

    def _set_core(self, core: Any) -> None:
        self.core = core
        given = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in core.inputs}
        answer = lambda arrays: core(arrays, training=False)  # noqa: E731
        self._answer = tf.function(answer, input_signature=[given], autograph=False)

    def ask(self, inputs: Arrays) -> Arrays:
        """The core's outputs by name, computed in batches."""
        count = len(next(iter(inputs.values())))
        at_once = self._rows_at_once or choose_rows_at_once(inputs)
        batches = [
            self._answer(
                {
                    tensor.name: tf.constant(np.asarray(inputs[tensor.name][start : start + at_once]), tensor.dtype)
                    for tensor in self.core.inputs
                }
            )
            for start in range(0, max(count, 1), at_once)
        ]
        return {name: np.concatenate([np.array(batch[name]) for batch in batches]) for name in batches[0]}

    def time_answer(self, inputs: Arrays) -> float:
        """Seconds to answer the first row by itself: the median of a few times, after one that compiles."""
        row = {name: array[:1] for name, array in inputs.items()}
        seconds = []
        for _round in range(TIMED + 1):
            began = time.perf_counter()
            self.ask(row)
            seconds.append(time.perf_counter() - began)
        return float(np.median(seconds[1:]))

    def temper(self, temperature: float) -> None:
        self._set_core(_temper_core(self.core, temperature))

    def graph(self, material: Material) -> onnx.ModelProto:
        with TemporaryDirectory() as scratch:
            export_onnx(self.core, Path(scratch) / "core.onnx")
            return onnx.load(Path(scratch) / "core.onnx")

    def export(self, material: Material, folder: Path) -> None:
        export_forms(material, self.core, folder)


def _temper_core(core: Any, temperature: float) -> keras.Model:
    """The core with built-in layers behind it that divide its logits by the temperature."""
    probabilities = keras.ops.maximum(core.output["probabilities"], SMALLEST)
    tempered = keras.ops.softmax(keras.ops.log(probabilities) / temperature, axis=-1)
    return keras.Model(core.input, {"probabilities": tempered}, name="core")


def train_network(job: Job, material: Material, slug: str, hyperparameters: Mapping[str, Any]) -> NetworkSolution:
    """Train the network of the model template `slug`."""
    rows_for_shapes = material.parts.train if material.plan.data_kind == "images" else material.learnable
    problem = Problem(
        task=material.task,
        inputs=material.take(rows_for_shapes),
        targets=material.targets[rows_for_shapes],
        outputs=material.outputs,
        code_sizes=material.code_sizes,
        id_sizes=material.id_sizes,
        seed=job.plan.seed,
    )
    network: Network = import_module(f"modelyard.catalog.{slug}.network").build(problem, hyperparameters)
    rows = plan_rows(material, network.members)
    devices = list_devices(job.plan.gpus)
    batch = max(1, min(network.batch_size, rows.train.shape[-1]) // job.batch_divisor)
    network = replace(network, batch_size=batch - batch % len(devices) if batch > len(devices) else batch)
    job.budget.rows_to_answer = len(material.targets)
    if network.prepare is not None:
        network.prepare(material.inputs, material.targets, rows.train, rows.validation)
    job.speaker.phase("training")
    engine = Engine(
        network,
        task=material.task,
        outputs=material.outputs,
        inputs=material.inputs,
        targets=material.targets,
        seed=job.plan.seed % 2**31,
        devices=devices if network.batch_size % len(devices) == 0 else devices[:1],
    )
    on_gpu = job.device["kind"] == "gpu"
    stopping = Stopping(
        epochs=network.epochs,
        patience=hyperparameters["patience"],
        loss_threshold=hyperparameters["loss_threshold"],
        seconds=job.seconds_left,
        budget=job.budget,
        trial_seconds=TRIAL_SECONDS_ON_GPU if on_gpu else TRIAL_SECONDS,
    )
    fit = Fitter(engine, rows, stopping, job.speaker, job.folder, job.checkpoints).fit(job.plan_digest)
    if network.settle is not None:
        network.settle(material.inputs, material.targets, rows.validation, rows.weights)
    job.speaker.log(f"Training ended by {fit.stopped_by}; the best epoch was {fit.memory.best_epoch}.")
    job.speaker.device(describe_device(on_gpu))
    solution = NetworkSolution(
        network.make_core(),
        training=_describe(job, network, stopping, fit),
        history=fit.memory.history,
        held_out=_answer_folds(material, engine, rows) if rows.train.ndim == 2 else None,
    )
    if material.plan.data_kind == "images":
        solution.training["seconds_a_row"] = solution.time_answer(material.inputs)
    return solution


def _describe(job: Job, network: Network, stopping: Stopping, fit: Fit) -> dict[str, Any]:
    return {
        "epochs": fit.memory.epoch,
        "epochs_planned": stopping.epochs,
        "best_epoch": fit.memory.best_epoch,
        "stopped_by": fit.stopped_by,
        "seconds": fit.memory.seconds,
        "first_step_seconds": fit.first_step_at - job.started_at if fit.first_step_at else None,
        "rows_per_second": fit.rows_per_second,
        "parameters": network.parameters,
        "batch_size": network.batch_size,
        "batch_divisor": job.batch_divisor,
        "compilation": fit.compilation,
        "members": network.members,
        "device": dict(job.device),
    }


def _answer_folds(material: Material, engine: Engine, rows: RowPlan) -> HeldOut:
    """Answers of every held-out row under the member that has not seen it."""
    outputs: NDArray[Any] = engine.judge(rows.validation)[1][rows.weights > 0]
    if material.task == "classification":
        exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs = exponents / exponents.sum(axis=1, keepdims=True)
    return HeldOut.averaging(rows.validation[rows.weights > 0], outputs)
