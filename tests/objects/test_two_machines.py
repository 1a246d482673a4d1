"""Web, workers and predictor on machines that share the database, Redis and an object store, and no folder."""

import dataclasses
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from modelyard import storage
from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.batches import services as batches
from modelyard.datasets import services as datasets
from modelyard.datasets.models import Dataset, DatasetVersion, VersionState
from modelyard.endpoints import services as endpoints
from modelyard.objects.bucket import parse_bucket
from modelyard.registry import services as registry
from modelyard.registry.models import ModelVersion
from modelyard.runs import services as runs
from modelyard.runs.models import RunState, TrainingRun
from tests.objects.server import CREDENTIALS, Cloud
from tests.serving.artifacts import ROW
from tests.serving.conftest import PredictorProcess
from tests.workers.installation import Installation, wait_until

MARKER = f"marker-{uuid.uuid4().hex}"
SQLITE = pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
ALL_TO_ONE = [{"version": 1, "percent": 100}]


def table() -> bytes:
    cities, answers = ("Wien", "Berlin", "Paris"), ("yes", "no")
    rows = [f"{20 + n % 40},{cities[n % 3]},{answers[n % 2]},{MARKER}-{n}" for n in range(120)]
    return "\n".join(["age,city,bought,note", *rows]).encode()


class Machines:
    """Machines by name: each has a home of its own, and what is started on it runs there."""

    def __init__(self, first: Installation, cloud: Cloud, folder: Path) -> None:
        self.first, self.cloud, self.folder = first, cloud, folder
        self.all: dict[str, Installation] = {}

    def home(self, name: str) -> Path:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return home

    def variables(self, name: str) -> dict[str, str]:
        return {
            "MODELYARD_TEST_HOME": str(self.home(name)),
            "MODELYARD_HOME": str(self.home(name)),
            "MODELYARD_STORAGE_URL": self.cloud.url(),
            "MODELYARD_SECRET_KEY": settings.ENVIRONMENT.secret_key,
            "MODELYARD_KEY_PEPPER": settings.ENVIRONMENT.key_pepper,
            "MODELYARD_AUDIT_KEY": settings.ENVIRONMENT.audit_key,
            "MODELYARD_CHECKPOINT_SECONDS": "1",
            **CREDENTIALS,
        }

    def __getitem__(self, name: str) -> Installation:
        if name not in self.all:
            url, redis_url = self.first.environment["DATABASE_URL"], self.first.environment["REDIS_URL"]
            machine = self.all[name] = Installation(self.home(name), url, redis_url)
            machine.environment.update(self.variables(name))
        return self.all[name]


@pytest.fixture
def machines(
    installation: Installation, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machines]:
    """This process is the web, on a machine of its own."""
    web = dataclasses.replace(settings.ENVIRONMENT, storage=tmp_path / "web", bucket=parse_bucket(cloud.url()))
    monkeypatch.setattr(settings, "ENVIRONMENT", web)
    every = Machines(installation, cloud, tmp_path)
    yield every
    for machine in every.all.values():
        machine.stop()


@pytest.fixture
def ready(machines: Machines, lab: Workspace, owner: User) -> DatasetVersion:
    """A data set that was uploaded on the web's machine and read on another one."""
    machines["reader"].start_worker("ingest", "reader", "-c", "1", app="workers.app")
    dataset = datasets.create_dataset(lab, "People", by=owner, file=ContentFile(table(), name="people.csv"))
    version = dataset.versions.get()

    def is_read() -> bool:
        version.refresh_from_db()
        return version.state != VersionState.UPLOADED

    wait_until(is_read, "the file to be read")
    assert version.state == VersionState.READY, version.profile
    return version


def ask(version: DatasetVersion, by: User, **hyperparameters: float) -> TrainingRun:
    return runs.request_run(
        version, by=by, model_template="tabular_classifier", target="bought", hyperparameters=hyperparameters
    )


def wait_for(run: TrainingRun, *states: RunState) -> TrainingRun:
    def reached() -> bool:
        run.refresh_from_db()
        return run.state in states

    wait_until(reached, f"{run.pk} to be {states}")
    return run


@SQLITE
@pytest.mark.slow
def test_the_whole_loop(
    machines: Machines, ready: DatasetVersion, lab: Workspace, owner: User, cloud: Cloud, client: Client
) -> None:
    assert any(MARKER.encode() in content for content in cloud.contents().values())
    machines["trainer"].start_worker("train", "trainer", "-c", "1", app="tests.objects.small_app")
    run = wait_for(ask(ready, owner, epochs=2, learning_rate=0.001), RunState.SUCCEEDED, RunState.FAILED)
    assert run.state == RunState.SUCCEEDED, run.failure
    version = ModelVersion.objects.get(run=run)
    wait_until(lambda: not [key for key in cloud.names() if "/runs/" in key], "the run's objects to go")

    home = machines.home("predictor")
    predictor = PredictorProcess(
        machines.first.environment["REDIS_URL"], home, **machines.variables("predictor")
    ).wait_until_ready()
    try:
        endpoint = endpoints.publish(lab, "people", version.model, ALL_TO_ONE, by=owner)
        _key, text = keys.create_key("Shop", workspace=lab, user=owner, scopes=["predict"])
        wait_until(lambda: predictor.predict("people", text, ROW).status_code == 200, "a prediction")
        label = predictor.predict("people", text, ROW).json()["predictions"][0]["label"]
        assert label in ("no", "yes")
    finally:
        predictor.process.terminate()
        predictor.process.wait()

    client.force_login(owner)
    download = client.get(reverse("datasets:download", args=[ready.pk]))
    assert b"".join(download.streaming_content) == table()  # type: ignore[arg-type]
    names = {path.name for path in (home / "cache" / "artifacts" / str(version.pk)).iterdir()}
    assert {"manifest.json", "core.onnx", "golden.json"} <= names
    for name in ("reader", "trainer", "predictor"):
        log = "".join(path.read_text() for path in machines.home(name).glob("*.log"))
        assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in log

    endpoints.retire(endpoint, by=owner)
    registry.delete_model(version.model, by=owner)
    datasets.delete_dataset(Dataset.objects.get(pk=ready.dataset_id), by=owner)
    assert cloud.contents() == {}


@SQLITE
@pytest.mark.slow
def test_another_machine_takes_a_run_up_from_its_checkpoint(
    machines: Machines, ready: DatasetVersion, owner: User, cloud: Cloud
) -> None:
    first = machines["first"].start_worker("train", "first", "-c", "1", app="tests.objects.small_app")
    run = ask(ready, owner, epochs=40, learning_rate=0.02)

    def has_checkpoint() -> bool:
        run.refresh_from_db()
        return bool(run.checkpoint)

    wait_until(has_checkpoint, "a stored checkpoint")
    os.killpg(first.pid, 9)
    first.wait()
    machines["clock"].start_clock()
    machines["second"].start_worker("train", "second", "-c", "1", app="tests.objects.small_app")
    wait_for(run, RunState.SUCCEEDED)
    begun = [line.message for line in run.log.order_by("pk") if line.message.startswith("begins after")]
    assert begun[0] == "begins after epoch 0"
    assert int(begun[-1].rsplit(" ", 1)[1]) > 0
    wait_until(lambda: not [key for key in cloud.names() if "/runs/" in key], "the run's objects to go")


@SQLITE
@pytest.mark.slow
def test_a_file_is_answered_on_another_machine(
    machines: Machines, ready: DatasetVersion, lab: Workspace, owner: User, cloud: Cloud
) -> None:
    machines["trainer"].start_worker("train", "trainer", "-c", "1", app="tests.objects.small_app")
    run = wait_for(ask(ready, owner, epochs=1, learning_rate=0.001), RunState.SUCCEEDED, RunState.FAILED)
    machines["scorer"].start_worker("score", "scorer", "-c", "1", app="workers.app")
    version = ModelVersion.objects.get(run=run)
    batch = batches.request_batch(version, by=owner, file=ContentFile(table(), name="people.csv"))

    def has_ended() -> bool:
        batch.refresh_from_db()
        return batch.ended

    wait_until(has_ended, "the file to be answered")
    assert batch.has_result, batch.failure
    with batch.opened_result() as folder:
        answers = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert any(f"{MARKER}-119" in text for text in answers)
    wait_until(
        lambda: not cloud.client.list_objects_v2(Bucket=cloud.name, Prefix="yard/batches/").get("Contents"),
        "the file to be removed",
    )
    batches.delete_batch(batch, by=owner)
    assert not list(cloud.client.list_objects_v2(Bucket=cloud.name, Prefix="yard/predictions/").get("Contents", ()))


@pytest.mark.django_db
def test_what_no_row_knows_is_swept_out_of_the_store(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = dataclasses.replace(settings.ENVIRONMENT, storage=tmp_path / "web", bucket=parse_bucket(cloud.url()))
    monkeypatch.setattr(settings, "ENVIRONMENT", web)
    folder = storage.artifact_folder(uuid.uuid4())
    folder.mkdir()
    (folder / "core.onnx").write_bytes(b"nobody's")
    storage.keep(folder)
    assert registry.sweep_artifacts() == 0, "it may be of a run that is just ending"
    assert cloud.contents()
    monkeypatch.setattr(storage, "QUIET_SECONDS", -60)
    monkeypatch.setattr(storage, "LISTING_SECONDS", 0)
    shutil.rmtree(folder)
    assert registry.sweep_artifacts() == 1
    assert cloud.contents() == {}
