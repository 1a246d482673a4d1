"""Artifacts and model versions for tests: real files under a sealed manifest, registered as a worker registers them."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.plan import Plan
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import register_run
from modelyard.runs.models import RunState, TrainingRun

LABELS = ("no", "yes")
PEOPLE = Signature(
    task="classification",
    inputs=(
        Input(name="age", kind="number", minimum=18.0, maximum=61.0, example=41),
        Input(name="city", kind="category", optional=False, values=("Berlin", "Paris", "Wien"), example="Wien"),
        Input(name="member", kind="flag", example="yes"),
        Input(name="since", kind="date", example="2021-05-01"),
        Input(name="note", kind="text", example="likes tea"),
    ),
    output=Output(kind="label", name="bought", labels=LABELS),
)
PICTURES = Signature(
    task="classification",
    inputs=(Input(name="image", kind="image", optional=False, height=28, width=28, channels=1),),
    output=Output(kind="label", name="class", labels=("cat", "dog")),
)
PRICES = Signature(
    task="regression",
    inputs=(Input(name="size", kind="number", minimum=20.0, maximum=210.0, example=81.5),),
    output=Output(kind="value", name="price"),
)
HOSTILE = "<script>alert('x\"')</script>\n😀 \\ `$(id)` ' %s {{ x }}"


def classifier_report(accuracy: float = 0.9, *, labels: Sequence[str] = LABELS, margin: float = 0.02) -> dict[str, Any]:
    """A report as docs/report.md says, with every section that a classifier has."""
    figures = {"loss": 0.31, "accuracy": accuracy, "f1": accuracy - 0.01, "roc_auc": 0.95}
    count = len(labels)
    return {
        "task": "classification",
        "target": "bought",
        "headline": {
            "name": "accuracy",
            "title": "Accuracy",
            "value": accuracy,
            "low": accuracy - margin,
            "high": accuracy + margin,
            "higher_is_better": True,
            "part": "test",
            "rows": 200,
        },
        "metrics": {"train": {**figures, "accuracy": 0.97}, "validation": figures, "test": figures},
        "titles": {name: name for name in figures},
        "baseline": {"title": "always the most frequent class", "metrics": {"accuracy": 0.6}},
        "confusion": {
            "labels": list(labels),
            "matrix": [[90 if row == column else 10 for column in range(count)] for row in range(count)],
            "classes": count,
            "shown": count,
        },
        "classes": [
            {"label": label, "rows": 100, "precision": 0.91, "recall": 0.9, "f1": accuracy - 0.01 * place}
            for place, label in enumerate(labels)
        ],
        "roc": [{"label": labels[-1], "auc": 0.95, "points": [[0, 0], [0.1, 0.8], [1, 1]]}],
        "pr": [{"label": labels[-1], "average_precision": 0.9, "rate": 0.4, "points": [[0, 1], [0.8, 0.9], [1, 0.4]]}],
        "calibration": {
            "ece": 0.03,
            "bins": [
                {"rows": 40, "confidence": 0.6, "accuracy": 0.55},
                {"rows": 0, "confidence": None, "accuracy": None},
                {"rows": 160, "confidence": 0.95, "accuracy": 0.97},
            ],
        },
        "importance": [
            {"column": "city", "value": 0.2, "low": 0.15, "high": 0.25},
            {"column": "age", "value": 0.01, "low": -0.01, "high": 0.03},
        ],
        "history": [
            {"epoch": 1, "seconds": 1.0, "loss": 0.9, "val_loss": 0.8},
            {"epoch": 2, "seconds": 1.0, "loss": 0.5, "val_loss": 0.6},
        ],
        "training": {"epochs": 2, "seconds": 12.5},
        "data": {
            "rows": {"train": 600, "validation": 200, "test": 200},
            "split": "stratified",
            "notices": ["12 rows had no answer."],
        },
    }


def regressor_report(rmse: float = 12.5) -> dict[str, Any]:
    figures = {"loss": 0.2, "rmse": rmse, "mae": 9.0, "r2": 0.8}
    return {
        "task": "regression",
        "target": "price",
        "headline": {
            "name": "rmse",
            "title": "RMSE",
            "value": rmse,
            "low": rmse - 1,
            "high": rmse + 1,
            "higher_is_better": False,
            "part": "test",
            "rows": 1500,
        },
        "metrics": {"train": figures, "validation": figures, "test": figures},
        "titles": {},
        "baseline": {"title": "always the mean", "metrics": {"rmse": 30.0}},
        "residuals": {
            "points": [[100.0, 110.0], [200.0, 190.0]],
            "histogram": [{"low": -10.0, "high": 0.0, "count": 7}, {"low": 0.0, "high": 10.0, "count": 9}],
        },
        "history": [],
        "training": {"seconds": 3.0},
        "data": {"rows": {}, "split": "random", "notices": []},
    }


def write_artifact(
    folder: Path, *, signature: Signature = PEOPLE, report: dict[str, Any] | None = None, **plan: Any
) -> Path:
    """An artifact whose network is only a few bytes: enough for everything but predicting."""
    folder.mkdir(parents=True)
    write_json(folder / artifact.SIGNATURE, signature.to_json())
    (folder / artifact.CORE_ONNX).write_bytes(b"onnx" + uuid.uuid4().bytes)
    return complete(folder, report=report, **plan)


def complete(folder: Path, *, report: dict[str, Any] | None = None, **plan: Any) -> Path:
    """Add what people look at and take away to a folder that holds a model, and seal it."""
    (folder / artifact.MODEL_KERAS).write_bytes(b"keras " * 1000)
    (folder / artifact.SAVEDMODEL).write_bytes(b"PK\x05\x06" + bytes(18))
    write_json(folder / artifact.REPORT, report or classifier_report())
    write_json(
        folder / artifact.LINEAGE,
        {
            "plan": make_plan(**plan).to_json(),
            "seed": 7,
            "libraries": {"tensorflow": "2.21.0", "keras": "3.15.1"},
            "device": {"kind": "cpu", "name": "AMD EPYC"},
        },
    )
    artifact.seal(folder)
    return folder


def make_plan(**fields: Any) -> Plan:
    plan = Plan(
        run=str(uuid.uuid4()),
        model_template="tabular_classifier",
        model_template_version=3,
        data="/nowhere",
        data_kind="table",
        data_sha256="ab" * 32,
        target="bought",
        kinds={"age": "number"},
        hyperparameters={"epochs": 40, "learning_rate": 0.001},
        seed=7,
        lineage={
            "dataset": {"id": str(uuid.uuid4()), "name": "Customers"},
            "dataset_version": {"id": str(uuid.uuid4()), "number": 2, "filename": "customers.csv"},
        },
    )
    return replace(plan, **fields)


def make_run(workspace: Workspace, by: User, name: str = "Churn") -> TrainingRun:
    """A run that has just ended well."""
    return TrainingRun.objects.create(
        workspace=workspace,
        name=name,
        model_template="tabular_classifier",
        plan=make_plan().to_json(),
        created_by=by,
        state=RunState.SUCCEEDED,
    )


def make_version(
    workspace: Workspace,
    by: User,
    name: str = "Churn",
    *,
    signature: Signature = PEOPLE,
    report: dict[str, Any] | None = None,
    **plan: Any,
) -> ModelVersion:
    """A registered version; the second one of a name is version 2."""
    run = make_run(workspace, by, name)
    folder = write_artifact(artifact_of(run), signature=signature, report=report, **plan)
    return register_run(run, folder)


def artifact_of(run: TrainingRun) -> Path:
    """Where an attempt of a run leaves its artifact."""
    return storage.run_folder(run.id) / "1" / "artifact"
