"""The installation that every scenario begins with, made by the platform's own acts; and its recovery after a crash."""

import os
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from modelyard import storage
from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.accounts.services import create_workspace
from modelyard.batches import services as batches
from modelyard.batches.models import BatchPrediction
from modelyard.consistency.looking import look_at_all
from modelyard.contracts import artifact
from modelyard.datasets import services as datasets
from modelyard.datasets.models import Dataset, DatasetVersion, Upload, VersionState
from modelyard.endpoints import services as endpoints
from modelyard.endpoints.models import Endpoint
from modelyard.keeping import services as keeping
from modelyard.keeping.models import Export, ExportState
from modelyard.leased_work import WorkState
from modelyard.quotas.models import EntryState, UsageEntry
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.runs import services as runs
from modelyard.runs.models import TrainingRun
from tests import factories
from tests.artifacts import complete
from tests.crashes import children
from tests.serving.artifacts import write_classifier
from workers import tasks
from workers.answering import answer_batch
from workers.attempting import train_run
from workers.reading import read_version

ROWS = b"age,city,bought\n" + b"".join(
    b"%d,%s,%s\n" % (20 + number, (b"Wien", b"Ulm")[number % 2], (b"no", b"yes")[number % 3 == 0])
    for number in range(60)
)
ASKED = b"age,city\n31,Wien\n44,Berlin\n"
ENDPOINT, MODEL = "people", "People"
ALL_TO_ONE = [{"version": 1, "percent": 100}]
AGO = timedelta(days=2)


def build() -> list[str]:
    """Make tables and fill them; returns the modules that were needed for it."""
    children.take_over()
    call_command("migrate", verbosity=0, skip_checks=True)
    fill()
    put_in_order()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return sorted(sys.modules)


def fill() -> None:
    """A person, data that was read and data that was not, a model in two versions, a run that waits, an endpoint."""
    owner = factories.make_user("alice")
    workspace = create_workspace("Lab", owner=owner)
    version = bring(workspace, owner, "People")
    read(version)
    bring(workspace, owner, "Unread")
    for _number in range(2):
        train(ask_for_run(version, owner))
    ask_for_run(version, owner)
    model = RegisteredModel.objects.get(name=MODEL)
    endpoints.publish(workspace, ENDPOINT, model, ALL_TO_ONE, by=owner)
    create_key("program", workspace=workspace, user=owner, scopes=["read", "write", "predict"])


def put_in_order() -> None:
    """What the clock does, and whether it is good."""
    tasks.reconcile()
    tasks.seal_audit_log()
    report = look_at_all()
    assert report.clean, report


def bring(workspace: Workspace, owner: User, name: str) -> DatasetVersion:
    file = SimpleUploadedFile(f"{name}.csv", ROWS)
    return datasets.create_dataset(workspace, name, by=owner, file=file).versions.get()


def read(version: DatasetVersion) -> None:
    claimed = datasets.claim_version(version.pk)
    assert claimed is not None
    read_version(claimed, children.make_presence())


def ask_for_run(version: DatasetVersion, owner: User) -> TrainingRun:
    version.refresh_from_db()
    wishes = {"model_template": "boosted_trees", "target": "bought", "name": MODEL}
    return runs.request_run(version, by=owner, **wishes)  # type: ignore[arg-type]


def train(run: TrainingRun) -> None:
    presence = children.make_presence()
    claimed = runs.claim_run(run.pk, presence.name)
    assert claimed is not None
    train_run(claimed, presence)


def answer(batch: BatchPrediction) -> None:
    presence = children.make_presence()
    claimed = batches.claim_batch(batch.pk, presence.name)
    assert claimed is not None
    answer_batch(claimed, presence)


def leave_artifact(target: Path, run: str) -> None:
    """What training leaves, as training leaves it."""
    scratch = target.with_name("artifact.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    write_classifier(scratch)
    complete(scratch, run=run)
    artifact.leave(scratch, target)


class World:
    """What is there, by name."""

    def __init__(self) -> None:
        self.owner = User.objects.get(email="alice@example.com")
        self.workspace = Workspace.objects.get(name="Lab")

    @property
    def people(self) -> DatasetVersion:
        return DatasetVersion.objects.get(dataset__name="People")

    @property
    def unread(self) -> DatasetVersion:
        return DatasetVersion.objects.get(dataset__name="Unread")

    @property
    def waiting(self) -> TrainingRun:
        return TrainingRun.objects.get(state=WorkState.QUEUED)

    @property
    def model(self) -> RegisteredModel:
        return RegisteredModel.objects.get(name=MODEL)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint.objects.get(name=ENDPOINT)


KINDS: dict[str, Any] = {
    "dataset": Dataset,
    "upload": Upload,
    "run": TrainingRun,
    "version": ModelVersion,
    "endpoint": Endpoint,
    "batch": BatchPrediction,
    "export": Export,
    "read": DatasetVersion,
}


def grow_old() -> None:
    """Let two days pass for everything that waits for time to pass, as far as rows and files know of time."""
    past = timezone.now() - AGO
    for kind in (TrainingRun, BatchPrediction):
        kind.objects.filter(state=WorkState.RUNNING).update(lease_until=past)
    DatasetVersion.objects.exclude(claimed_at=None).update(claimed_at=past)
    Export.objects.update(seen_at=past, created_at=past)
    Upload.objects.update(locked_until=past)
    UsageEntry.objects.filter(state=EntryState.RESERVED).update(created_at=past)
    bucket = settings.ENVIRONMENT.bucket
    roots = [Path(settings.ENVIRONMENT.storage), *([bucket.folder] if bucket is not None and bucket.folder else [])]
    then = time.time() - AGO.total_seconds()
    for root in roots:
        for path in root.rglob("*"):
            os.utime(path, (then, then))


def recover() -> None:
    """After two days: what the clock (beat) does, and workers who take up everything that waits."""
    from modelyard.objects.sweeping import sweep

    children.take_over()
    grow_old()
    shelf = storage.current_shelf()
    if shelf is not None:
        sweep(shelf)
    tasks.fold_usage()
    tasks.reconcile()
    tasks.seal_audit_log()
    endpoints.publish_everything()
    for version in DatasetVersion.objects.filter(state=VersionState.UPLOADED):
        read(version)
    for run in TrainingRun.objects.filter(state=WorkState.QUEUED):
        train(run)
    for batch in BatchPrediction.objects.filter(state=WorkState.QUEUED):
        answer(batch)
    for export in Export.objects.filter(state=ExportState.QUEUED):
        keeping.make_export(export.pk)
    tasks.seal_audit_log()


def replace_home(template: Path) -> None:
    """Put the installation back to what it was when it was built."""
    home = Path(settings.ENVIRONMENT.home)
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(template, home)
