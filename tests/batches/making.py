"""Real models and files to have answered; `settle` does in this process what a worker would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from modelyard.accounts.models import User, Workspace
from modelyard.batches import services
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import RESULT, Survey, Tally
from modelyard.contracts.route import Target
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import register_run
from tests.artifacts import artifact_of, complete, make_run
from tests.scoring.conftest import write_people

PEOPLE = b"id,age,city\n1,41,Wien\n2,old,Wien\n3,,Berlin\n"
SURVEY = Survey(
    rows=3,
    came="csv",
    format="csv",
    names=("id", "age", "city", "predicted_label", "prediction_error"),
    added=("predicted_label", "prediction_error"),
)
TALLY = Tally(chunks=1, rows=3, failed=1, faults={"'age' is bad": {"count": 1, "row": 2}}, labels={"yes": 2})


def register_model(workspace: Workspace, by: User, write: Callable[[Path], Target] = write_people) -> ModelVersion:
    """A registered version that really answers."""
    run = make_run(workspace, by, "People")
    folder = artifact_of(run)
    folder.parent.mkdir(parents=True)
    write(folder)
    return register_run(run, complete(folder))


def make_batch(version: ModelVersion, by: User, content: bytes = PEOPLE, **wishes: Any) -> BatchPrediction:
    return services.request_batch(version, by=by, file=SimpleUploadedFile("people.csv", content), **wishes)


def claim(batch: BatchPrediction, worker: str = "scorer") -> BatchPrediction:
    claimed = services.claim_batch(batch.pk, worker)
    assert claimed is not None
    return claimed


def succeed(batch: BatchPrediction, content: bytes = b"id\n1\n") -> BatchPrediction:
    """Bring a queued batch prediction to a good end."""
    held = claim(batch)
    assert services.admit(held, SURVEY)
    held.result_folder.mkdir(parents=True)
    (held.result_folder / RESULT).write_bytes(content)
    assert services.settle_succeeded(held, TALLY, size=len(content), seal="")
    held.refresh_from_db()
    return held
