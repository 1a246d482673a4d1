"""One run from plan to artifact."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from modelyard.catalog import get_template
from modelyard.catalog.building import Network, Problem
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import sentence as _
from workers.training.devices import describe_device, set_up_devices
from workers.training.engine import Engine
from workers.training.exporting import export_model
from workers.training.failures import TrainingFailure
from workers.training.fitting import Fit, Fitter, Stopping
from workers.training.golden import choose_golden_rows, encode_rows
from workers.training.importance import measure_importance
from workers.training.portable import name_inputs
from workers.training.preparing import Material
from workers.training.preparing_images import prepare_images
from workers.training.preparing_tables import prepare_table
from workers.training.reporting import clean_numbers, decode_answers, write_report
from workers.training.rows import RowPlan, plan_rows
from workers.training.speaking import Speaker

ROWS_AT_ONCE = 1024
TOLERANCE = 1e-4
SECONDS_TO_FINISH = 30.0
"""Kept of the time budget for evaluating, exporting and verifying."""
LIBRARIES = ("tensorflow", "keras", "numpy", "tf2onnx", "onnx", "onnxruntime", "pillow", "pyarrow")


class Run:
    """Reads `folder`/plan.json and leaves the artifact in `target`."""

    def __init__(self, folder: Path, target: Path, speaker: Speaker, started_at: float) -> None:
        self._folder = folder
        self._target = target
        self._speaker = speaker
        self._started_at = started_at
        self._plan_text = (folder / "plan.json").read_bytes()
        self._plan = Plan.from_json(json.loads(self._plan_text))

    def run(self) -> None:
        plan, speaker = self._plan, self._speaker
        speaker.phase("starting")
        template = get_template(plan.model_template)
        hyperparameters = template.clean_hyperparameters(plan.hyperparameters)
        self._device = set_up_devices(plan.seed)
        speaker.device(self._device)
        speaker.phase("reading")
        material = self._prepare(template, hyperparameters)
        for notice in material.notices:
            speaker.log(str(notice), level="warning")
        speaker.phase("preparing")
        network = self._build(template, material, hyperparameters)
        rows = plan_rows(material, network.members)
        speaker.phase("training")
        engine, fit = self._fit(material, network, rows, hyperparameters)
        speaker.phase("evaluating")
        core = network.make_core()
        report = self._report(material, engine, rows, fit, core)
        speaker.phase("exporting")
        scratch = self._folder / "artifact.partial"
        verifier = self._start_verifier(scratch)
        try:
            self._export(material, core, report, scratch)
            speaker.phase("verifying")
            self._verify(verifier)
        finally:
            verifier.kill()
        artifact.seal(scratch)
        shutil.rmtree(self._target, ignore_errors=True)
        scratch.rename(self._target)
        speaker.done(report["metrics"])

    def _prepare(self, template: ModelTemplate, hyperparameters: Mapping[str, Any]) -> Material:
        plan = Plan.from_json({**self._plan.to_json(), "hyperparameters": dict(hyperparameters)})
        if template.input_kind == "images":
            return prepare_images(plan, template.task, template.largest_side)
        return prepare_table(plan, template.task)

    def _build(self, template: ModelTemplate, material: Material, hyperparameters: Mapping[str, Any]) -> Network:
        rows = material.learnable if template.input_kind == "table" else material.parts.train
        problem = Problem(
            task=template.task,
            inputs=material.take(rows),
            targets=material.targets[rows],
            outputs=material.outputs,
            code_sizes=material.code_sizes,
            seed=self._plan.seed,
        )
        network: Network = import_module(f"modelyard.catalog.{template.slug}.network").build(problem, hyperparameters)
        return network

    def _fit(
        self, material: Material, network: Network, rows: RowPlan, hyperparameters: Mapping[str, Any]
    ) -> tuple[Engine, Fit]:
        network = _shrink_batch(network, rows.train.shape[-1])
        engine = Engine(
            network,
            task=material.task,
            outputs=material.outputs,
            inputs=material.inputs,
            targets=material.targets,
            seed=self._plan.seed % 2**31,
        )
        budget = min(self._plan.max_seconds - SECONDS_TO_FINISH, hyperparameters["max_minutes"] * 60)
        stopping = Stopping(
            epochs=network.epochs,
            patience=hyperparameters["patience"],
            loss_threshold=hyperparameters["loss_threshold"],
            seconds=max(1.0, budget - (time.time() - self._started_at)),
        )
        fitter = Fitter(engine, rows, stopping, self._speaker, self._folder)
        fit = fitter.fit(hashlib.sha256(self._plan_text).hexdigest())
        self._speaker.log(f"Training ended by {fit.stopped_by}; the best epoch was {fit.memory.best_epoch}.")
        self._speaker.device(describe_device(self._device["kind"] == "gpu"))
        self._training = {
            "epochs": fit.memory.epoch,
            "epochs_planned": stopping.epochs,
            "best_epoch": fit.memory.best_epoch,
            "stopped_by": fit.stopped_by,
            "seconds": fit.memory.seconds,
            "first_step_seconds": fit.first_step_at - self._started_at if fit.first_step_at else None,
            "rows_per_second": fit.rows_per_second,
            "parameters": network.parameters,
            "batch_size": network.batch_size,
            "members": network.members,
            "device": self._device,
        }
        return engine, fit

    def _report(self, material: Material, engine: Engine, rows: RowPlan, fit: Fit, core: Any) -> dict[str, Any]:
        parts = {"train": material.parts.train, "validation": material.parts.validation, "test": material.parts.test}
        answers = {name: decode_answers(material, self._ask(core, material.take(part))) for name, part in parts.items()}
        truths = {name: material.truth[part] for name, part in parts.items()}
        if rows.train.ndim == 2:
            answers["validation"], truths["validation"] = _answer_folds(material, engine, rows)
        importance = None
        if self._plan.data_kind == "table":
            importance = measure_importance(material, lambda inputs: next(iter(self._ask(core, inputs).values())))
        return write_report(
            material,
            answers,
            truths,
            training=self._training,
            history=fit.memory.history,
            importance=importance,
        )

    def _ask(self, core: Any, inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The core's outputs by name, computed in batches."""
        answer = self.__dict__.setdefault("_compiled", tf.function(lambda arrays: core(arrays, training=False)))
        count = len(next(iter(inputs.values())))
        starts = range(0, max(count, 1), ROWS_AT_ONCE)
        batches = [
            answer(
                {t.name: tf.constant(inputs[t.name][start : start + ROWS_AT_ONCE], dtype=t.dtype) for t in core.inputs}
            )
            for start in starts
        ]
        return {name: np.concatenate([np.array(batch[name]) for batch in batches]) for name in batches[0]}

    def _export(self, material: Material, core: Any, report: dict[str, Any], scratch: Path) -> None:
        golden = choose_golden_rows(material)
        predictions = material.decoder.decode(self._ask(core, material.features.transform(golden)))
        write_json(scratch / artifact.GOLDEN, {"rows": encode_rows(golden), "predictions": predictions})
        write_json(scratch / artifact.REPORT, report)
        write_json(scratch / artifact.LINEAGE, self._describe_lineage(material))
        export_model(material, core, scratch)

    def _describe_lineage(self, material: Material) -> dict[str, Any]:
        lineage: dict[str, Any] = clean_numbers(
            {
                "plan": self._plan.to_json(),
                "hyperparameters": dict(material.plan.hyperparameters),
                "seed": self._plan.seed,
                "device": self._device,
                "python": platform.python_version(),
                "libraries": {name: version(name) for name in LIBRARIES},
                "inputs": name_inputs(material.features),
                "started_at": self._started_at,
                "ended_at": time.time(),
            }
        )
        return lineage

    def _start_verifier(self, scratch: Path) -> subprocess.Popen[str]:
        """Start it early: it imports TensorFlow while this process exports."""
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return subprocess.Popen(
            [sys.executable, "-m", "workers.training.verifying", str(scratch)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CUDA_VISIBLE_DEVICES": ""},
            text=True,
        )

    def _verify(self, verifier: subprocess.Popen[str]) -> None:
        """Raises `TrainingFailure` where an exported form cannot be loaded or answers otherwise than the trained
        model."""
        said = verifier.communicate("go\n")[0]
        try:
            answer = json.loads(said.splitlines()[-1])
        except (IndexError, json.JSONDecodeError):
            answer = {"fault": f"the verifying process ended with {verifier.returncode}"}
        if "fault" in answer:
            raise TrainingFailure(
                "parity", _("an exported form of the model does not work: {fault}", fault=answer["fault"]), REPORT_IT
            )
        for name, difference in answer["differences"].items():
            if not difference <= TOLERANCE:
                raise TrainingFailure(
                    "parity",
                    _(
                        "{name} answers otherwise than the trained model: by {difference:.2g}",
                        name=name,
                        difference=difference,
                    ),
                    REPORT_IT,
                )
        self._speaker.log("Every exported form repeats the golden rows.")


REPORT_IT = _("Nothing was registered. Please report this with the run's id; another seed may do meanwhile.")


def _shrink_batch(network: Network, rows: int) -> Network:
    """No batch is larger than the rows there are."""
    if network.batch_size <= rows:
        return network
    return Network(**{**network.__dict__, "batch_size": rows})


def _answer_folds(material: Material, engine: Engine, rows: RowPlan) -> tuple[NDArray[Any], NDArray[Any]]:
    """Answers and truth of every held-out row under the member that has not seen it."""
    outputs = engine.judge(rows.validation)[1]
    chosen = outputs[rows.weights > 0]
    if material.task == "classification":
        exponents = np.exp(chosen - chosen.max(axis=1, keepdims=True))
        outputs_by_name = {"probabilities": exponents / exponents.sum(axis=1, keepdims=True)}
    else:
        outputs_by_name = {"value": chosen}
    return decode_answers(material, outputs_by_name), material.truth[rows.validation[rows.weights > 0]]
