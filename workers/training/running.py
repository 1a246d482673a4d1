"""One run from plan to artifact."""

import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelyard.catalog import get_template
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.order import Order
from modelyard.contracts.plan import Plan
from modelyard.contracts.sentences import Sentence
from modelyard.contracts.sentences import sentence as _
from modelyard.contracts.weights import Weights
from modelyard.features.texts import TextFeatures
from workers.training.anomalies import report_anomalies, settle_threshold
from workers.training.blending import train_blend
from workers.training.budget import Budget
from workers.training.certainty import Certainty, settle_certainty
from workers.training.devices import set_up_devices
from workers.training.explaining import make_background
from workers.training.failures import TrainingFailure
from workers.training.forecasting import whole as forecasting
from workers.training.forking import ForkedVerifier
from workers.training.golden import choose_golden_rows, encode_rows
from workers.training.importance import is_one_text, measure_importance
from workers.training.networks import train_network
from workers.training.portable import name_inputs
from workers.training.preparing import Material
from workers.training.preparing_images import prepare_images
from workers.training.preparing_tables import prepare_table
from workers.training.preparing_texts import prepare_texts
from workers.training.referring import make_reference
from workers.training.reporting import clean_numbers, decode_answers, write_report
from workers.training.sealing import CHECKPOINTS, remove_damaged
from workers.training.solution import Job, Solution
from workers.training.speaking import Speaker
from workers.training.telling_words import find_words
from workers.training.transfer.encoders import load_encoder
from workers.training.transfer.texts import WEIGHTS, train_text_transfer
from workers.training.transfer.training import train_transfer
from workers.training.trees.growing import train_trees

TOLERANCE = 1e-4
MOST_TRAIN_ROWS = 100_000
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
    """Does what an order says; `verifier` was forked before anything was computed."""

    def __init__(self, order: Order, speaker: Speaker, verifier: ForkedVerifier) -> None:
        self._order = order
        self._folder = Path(order.folder)
        self._target = Path(order.artifact)
        self._speaker = speaker
        self._verifier = verifier
        self._plan = Plan.from_json(read_json(self._folder / "plan.json"))
        now = time.time()
        self._budget = Budget(began_at=now, ends_at=now + order.seconds)

    def run(self) -> None:
        plan, speaker = self._plan, self._speaker
        speaker.phase("starting")
        template = get_template(plan.model_template)
        hyperparameters = template.clean_hyperparameters(plan.hyperparameters)
        self._device = set_up_devices(plan.seed)
        speaker.device(self._device)
        self._remove_damaged_checkpoints()
        speaker.phase("reading")
        scratch = self._target.with_name(f"{self._target.name}.partial")
        if template.task == "forecasting":
            report = self._make_forecaster(hyperparameters, scratch)
        else:
            report = self._make_model(template, hyperparameters, scratch)
        speaker.phase("verifying")
        self._verify(scratch)
        artifact.leave(scratch, self._target)
        speaker.done(report["metrics"])

    def _remove_damaged_checkpoints(self) -> None:
        """The run goes on from what is whole, or begins again; either is said."""
        for name in remove_damaged(self._folder / CHECKPOINTS):
            self._speaker.log(
                f"The checkpoint {name} was damaged after it had been written; the run goes on from an earlier one, or "
                "begins again where there is none.",
                level="warning",
            )

    def _make_forecaster(self, hyperparameters: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
        """Leave everything but the manifest in `scratch`; return the report."""
        speaker = self._speaker
        material = forecasting.prepare(self._plan, hyperparameters, *self._notes)
        self._tell(material.notices)
        speaker.phase("preparing")
        forecaster = forecasting.make_forecaster(self._job(), material, hyperparameters)
        speaker.phase("exporting")
        _make_empty(scratch)
        forecaster.export(scratch)
        write_json(scratch / artifact.LINEAGE, self._describe_lineage(hyperparameters, {}))
        return forecaster.report

    def _make_model(self, template: ModelTemplate, hyperparameters: Mapping[str, Any], scratch: Path) -> dict[str, Any]:
        """Leave everything but the manifest in `scratch`; return the report."""
        speaker = self._speaker
        material = self._prepare(template, hyperparameters)
        material = replace(material, notices=(*material.notices, *self._notes))
        self._tell(material.notices)
        speaker.phase("preparing")
        solution = train_solution(self._job(), template, material, hyperparameters)
        speaker.phase("evaluating")
        if material.task == "anomaly_detection":
            material = settle_threshold(material, solution)
        certainty = None
        if material.task in ("classification", "regression"):
            certainty = settle_certainty(material, solution)
            material = certainty.material
        report = self._report(material, solution, certainty)
        speaker.phase("exporting")
        _make_empty(scratch)
        self._export(material, solution, report, scratch)
        return report

    def _prepare(self, template: ModelTemplate, hyperparameters: Mapping[str, Any]) -> Material:
        plan = Plan.from_json({**self._plan.to_json(), "hyperparameters": dict(hyperparameters)})
        if template.input_kind == "images":
            task, memory = template.task_of(hyperparameters), self._order.memory_bytes
            return prepare_images(plan, task, template.largest_side, memory)
        if template.input_kind == "texts":
            encoder = None
            if template.needs_weights:
                encoder = load_encoder(self._folder / WEIGHTS, Weights.from_json(plan.weights))
            return prepare_texts(plan, template.task_of(hyperparameters), encoder)
        return prepare_table(plan, template.task_of(hyperparameters))

    @property
    def _notes(self) -> tuple[Sentence, ...]:
        """What the person has to know of how the run came about."""
        return () if self._order.batch_divisor == 1 else (HALVED,)

    def _tell(self, notices: tuple[Sentence, ...]) -> None:
        for notice in notices:
            self._speaker.log(str(notice), level="warning")

    def _job(self) -> Job:
        return Job(
            plan=self._plan,
            plan_digest=f"{self._plan.digest}/{self._order.batch_divisor}",
            folder=self._folder,
            speaker=self._speaker,
            device=self._device,
            started_at=self._order.asked_at,
            deadline=self._budget.ends_at,
            budget=self._budget,
            batch_divisor=self._order.batch_divisor,
        )

    def _report(self, material: Material, solution: Solution, certainty: Certainty | None) -> dict[str, Any]:
        if certainty is None:
            report, self._reference = report_anomalies(material, solution)
            return report
        held_out = certainty.held_out
        rows = {"train": self._some_of(material.parts.train), "validation": held_out.rows, "test": material.parts.test}
        name = "probabilities" if material.task == "classification" else "value"
        outputs = {part: solution.ask(material.take(rows[part])) for part in ("train", "test")}
        outputs["validation"] = {name: held_out.outputs}
        self._reference = make_reference(
            material, {part: decode_answers(material, outputs[part]) for part in ("train", "validation", "test")}
        )
        importance = None
        if self._plan.data_kind != "images" and not is_one_text(material.features):
            importance = measure_importance(material, lambda inputs: next(iter(solution.ask(inputs).values())))
        words = find_words(material, solution.ask) if isinstance(material.features, TextFeatures) else None
        return write_report(
            material,
            rows,
            outputs,
            training=solution.training,
            history=solution.history,
            importance=importance,
            calibration=certainty.calibration,
            words=words,
        )

    def _some_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How the training rows are answered is told from no more than a random hundred thousand of them."""
        if len(rows) <= MOST_TRAIN_ROWS:
            return rows
        return np.sort(np.random.default_rng([self._plan.seed, 10]).permutation(rows)[:MOST_TRAIN_ROWS])

    def _export(self, material: Material, solution: Solution, report: dict[str, Any], scratch: Path) -> None:
        golden = choose_golden_rows(material)
        predictions = material.decoder.decode(solution.ask(material.features.transform(golden)))
        write_json(scratch / artifact.GOLDEN, {"rows": encode_rows(golden), "predictions": predictions})
        write_json(scratch / artifact.BACKGROUND, make_background(material, solution.ask).to_json())
        write_json(scratch / artifact.REFERENCE, self._reference.to_json())
        write_json(scratch / artifact.REPORT, report)
        write_json(
            scratch / artifact.LINEAGE,
            self._describe_lineage(material.plan.hyperparameters, name_inputs(material.features)),
        )
        write_json(scratch / artifact.FEATURES, material.features.to_json())
        write_json(scratch / artifact.DECODER, material.decoder.to_json())
        write_json(scratch / artifact.SIGNATURE, material.signature.to_json())
        solution.export(material, scratch)

    def _describe_lineage(self, hyperparameters: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
        lineage: dict[str, Any] = clean_numbers(
            {
                "plan": self._plan.to_json(),
                "hyperparameters": dict(hyperparameters),
                "seed": self._plan.seed,
                "device": self._device,
                "python": platform.python_version(),
                "libraries": {name: version(name) for name in LIBRARIES},
                "inputs": dict(inputs),
                "started_at": self._order.asked_at,
                "ended_at": time.time(),
            }
        )
        return lineage

    def _verify(self, scratch: Path) -> None:
        """Raises `TrainingFailure` where an exported form cannot be loaded or answers otherwise than the trained
        model."""
        answer = self._verifier.ask(scratch)
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


def _make_empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


HALVED = _(
    "The first try needed more memory than there was; this model was trained with batches of half the size, which can "
    "change its quality a little."
)
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
        case "transfer":
            if template.input_kind == "texts":
                return train_text_transfer(job, material, hyperparameters)
            return train_transfer(job, material, hyperparameters)
        case "network":
            return train_network(job, material, template.slug, hyperparameters)
        case "forecasts":
            raise ValueError("series are no rows; workers.training.forecasting learns from them")
