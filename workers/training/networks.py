"""Solutions that are Keras networks."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.catalog.building import Network, Problem
from workers.training.devices import describe_device
from workers.training.engine import Engine
from workers.training.exporting import export_forms, export_onnx
from workers.training.fitting import Fit, Fitter, Stopping
from workers.training.preparing import Arrays, Material
from workers.training.rows import RowPlan, plan_rows
from workers.training.solution import HeldOut, Job

ROWS_AT_ONCE = 1024


class NetworkSolution:
    """A fitted network, or a group of members whose average answers."""

    def __init__(
        self, core: Any, *, training: dict[str, Any], history: list[dict[str, Any]], held_out: HeldOut | None
    ) -> None:
        self.core = core
        self.training = training
        self.history = history
        self.held_out = held_out
        self._answer = tf.function(lambda arrays: core(arrays, training=False))

    def ask(self, inputs: Arrays) -> Arrays:
        """The core's outputs by name, computed in batches."""
        count = len(next(iter(inputs.values())))
        batches = [
            self._answer(
                {
                    tensor.name: tf.constant(inputs[tensor.name][start : start + ROWS_AT_ONCE], dtype=tensor.dtype)
                    for tensor in self.core.inputs
                }
            )
            for start in range(0, max(count, 1), ROWS_AT_ONCE)
        ]
        return {name: np.concatenate([np.array(batch[name]) for batch in batches]) for name in batches[0]}

    def graph(self, material: Material) -> onnx.ModelProto:
        with TemporaryDirectory() as scratch:
            export_onnx(self.core, Path(scratch) / "core.onnx")
            return onnx.load(Path(scratch) / "core.onnx")

    def export(self, material: Material, folder: Path) -> None:
        export_forms(material, self.core, folder)


def train_network(job: Job, material: Material, slug: str, hyperparameters: Mapping[str, Any]) -> NetworkSolution:
    """Train the network of the model template `slug`."""
    rows_for_shapes = material.learnable if material.plan.data_kind == "table" else material.parts.train
    problem = Problem(
        task="classification" if material.task == "classification" else "regression",
        inputs=material.take(rows_for_shapes),
        targets=material.targets[rows_for_shapes],
        outputs=material.outputs,
        code_sizes=material.code_sizes,
        seed=job.plan.seed,
    )
    network: Network = import_module(f"modelyard.catalog.{slug}.network").build(problem, hyperparameters)
    rows = plan_rows(material, network.members)
    network = replace(network, batch_size=min(network.batch_size, rows.train.shape[-1]))
    job.speaker.phase("training")
    engine = Engine(
        network,
        task=material.task,
        outputs=material.outputs,
        inputs=material.inputs,
        targets=material.targets,
        seed=job.plan.seed % 2**31,
    )
    stopping = Stopping(
        epochs=network.epochs,
        patience=hyperparameters["patience"],
        loss_threshold=hyperparameters["loss_threshold"],
        seconds=job.seconds_left,
    )
    fit = Fitter(engine, rows, stopping, job.speaker, job.folder).fit(job.plan_digest)
    job.speaker.log(f"Training ended by {fit.stopped_by}; the best epoch was {fit.memory.best_epoch}.")
    job.speaker.device(describe_device(job.device["kind"] == "gpu"))
    return NetworkSolution(
        network.make_core(),
        training=_describe(job, network, stopping, fit),
        history=fit.memory.history,
        held_out=_answer_folds(material, engine, rows) if rows.train.ndim == 2 else None,
    )


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
        "members": network.members,
        "device": dict(job.device),
    }


def _answer_folds(material: Material, engine: Engine, rows: RowPlan) -> HeldOut:
    """Answers of every held-out row under the member that has not seen it."""
    outputs: NDArray[Any] = engine.judge(rows.validation)[1][rows.weights > 0]
    if material.task == "classification":
        exponents = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        outputs = exponents / exponents.sum(axis=1, keepdims=True)
    return HeldOut(rows=rows.validation[rows.weights > 0], outputs=outputs)
