"""One run from plan to artifact."""

import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelyard.catalog import get_template
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import sentence as _
from workers.training.blending import train_blend
from workers.training.devices import set_up_devices
from workers.training.failures import TrainingFailure
from workers.training.golden import choose_golden_rows, encode_rows
from workers.training.importance import measure_importance
from workers.training.networks import train_network
from workers.training.portable import name_inputs
from workers.training.preparing import Material
from workers.training.preparing_images import prepare_images
from workers.training.preparing_tables import prepare_table
from workers.training.referring import make_reference
from workers.training.reporting import clean_numbers, decode_answers, write_report
from workers.training.solution import Job, Solution
from workers.training.speaking import Speaker
from workers.training.trees.growing import train_trees

TOLERANCE = 1e-4
SECONDS_TO_FINISH = 30.0
"""Kept of the time budget for evaluating, exporting and verifying."""
LIBRARIES = (
    "tensorflow",
    "keras",
    "numpy",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "ydf",
    "scikit-learn",
    "pillow",
    "pyarrow",
)


class Run:
    """Reads `folder`/plan.json and leaves the artifact in `target`."""

    def __init__(self, folder: Path, target: Path, speaker: Speaker, started_at: float) -> None:
        self._folder = folder
        self._target = target
        self._speaker = speaker
        self._started_at = started_at
        self._plan = Plan.from_json(read_json(folder / "plan.json"))

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
        solution = self._train(template, material, hyperparameters)
        speaker.phase("evaluating")
        report = self._report(material, solution)
        speaker.phase("exporting")
        scratch = self._folder / "artifact.partial"
        verifier = self._start_verifier(scratch)
        try:
            self._export(material, solution, report, scratch)
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
            return prepare_images(plan, template.task_of(hyperparameters), template.largest_side)
        return prepare_table(plan, template.task_of(hyperparameters))

    def _train(self, template: ModelTemplate, material: Material, hyperparameters: Mapping[str, Any]) -> Solution:
        budget = min(self._plan.max_seconds - SECONDS_TO_FINISH, hyperparameters["max_minutes"] * 60)
        job = Job(
            plan=self._plan,
            plan_digest=self._plan.digest,
            folder=self._folder,
            speaker=self._speaker,
            device=self._device,
            started_at=self._started_at,
            deadline=self._started_at + budget,
        )
        return train_solution(job, template, material, hyperparameters)

    def _report(self, material: Material, solution: Solution) -> dict[str, Any]:
        parts = {"train": material.parts.train, "validation": material.parts.validation, "test": material.parts.test}
        answers = {name: decode_answers(material, solution.ask(material.take(part))) for name, part in parts.items()}
        truths = {name: material.truth[part] for name, part in parts.items()}
        if solution.held_out is not None:
            name = "probabilities" if material.task == "classification" else "value"
            answers["validation"] = decode_answers(material, {name: solution.held_out.outputs})
            truths["validation"] = material.truth[solution.held_out.rows]
        self._reference = make_reference(material, answers)
        importance = None
        if self._plan.data_kind == "table":
            importance = measure_importance(material, lambda inputs: next(iter(solution.ask(inputs).values())))
        return write_report(
            material,
            answers,
            truths,
            training=solution.training,
            history=solution.history,
            importance=importance,
        )

    def _export(self, material: Material, solution: Solution, report: dict[str, Any], scratch: Path) -> None:
        golden = choose_golden_rows(material)
        predictions = material.decoder.decode(solution.ask(material.features.transform(golden)))
        write_json(scratch / artifact.GOLDEN, {"rows": encode_rows(golden), "predictions": predictions})
        write_json(scratch / artifact.REFERENCE, self._reference.to_json())
        write_json(scratch / artifact.REPORT, report)
        write_json(scratch / artifact.LINEAGE, self._describe_lineage(material))
        write_json(scratch / artifact.FEATURES, material.features.to_json())
        write_json(scratch / artifact.DECODER, material.decoder.to_json())
        write_json(scratch / artifact.SIGNATURE, material.signature.to_json())
        solution.export(material, scratch)

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


def train_solution(
    job: Job, template: ModelTemplate, material: Material, hyperparameters: Mapping[str, Any]
) -> Solution:
    """Train by the method of the template."""
    match template.method:
        case "trees":
            return train_trees(job, material, hyperparameters)
        case "blend":
            return train_blend(job, material, hyperparameters)
        case "network":
            return train_network(job, material, template.slug, hyperparameters)
