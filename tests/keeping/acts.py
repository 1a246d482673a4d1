"""What tests have done inside an installation, each in a process of its own: `Yard.ask`."""

import hashlib
import io
import json
import sys

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from modelyard import storage
from modelyard.accounts.keys import create_key, find_key
from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import create_workspace
from modelyard.contracts import artifact
from modelyard.datasets import services as datasets
from modelyard.datasets.models import DatasetVersion, Upload, VersionState
from modelyard.datasets.uploads import create_upload
from modelyard.endpoints import services as endpoints
from modelyard.endpoints.models import Endpoint
from modelyard.objects.opening import open_shelf
from modelyard.quotas import services as quotas
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import register_run, store_artifact
from modelyard.runs.models import RunState, TrainingRun
from tests import factories
from tests.artifacts import artifact_of, complete, make_plan, make_run
from tests.datasets.conftest import people_profile
from tests.serving.artifacts import write_classifier
from workers.serving.models.artifacts import Artifacts

CONTENT = b"age,city\n31,Bonn\n44,Ulm\n,Bonn\n"
ENDPOINT = "people"


def build(archive: str) -> str:
    """Make the tables, fill them, back them up if wanted; prints the key and the report."""
    call_command("migrate", verbosity=0, skip_checks=True)
    key = fill()
    if archive:
        call_command("backup", archive, stdout=io.StringIO(), stderr=io.StringIO())
    return f"{key}\n{report(key)}"


def fill() -> str:
    """A person, a data set, a model behind an endpoint, a run under way, half an upload; returns a key."""
    owner = factories.make_user("alice")
    workspace = create_workspace("Lab", owner=owner)
    add_dataset(workspace, owner, "People")
    run = make_run(workspace, owner, "People")
    folder = artifact_of(run)
    folder.parent.mkdir(parents=True)
    write_classifier(folder)
    complete(folder)
    store_artifact(run, folder)
    version = register_run(run, folder)
    storage.remove(run.folder)
    endpoints.publish(workspace, ENDPOINT, version.model, [{"version": 1, "percent": 100}], by=owner)
    busy = make_run(workspace, owner, "Busy")
    TrainingRun.objects.filter(pk=busy.pk).update(
        state=RunState.RUNNING, attempt=1, fence=4, lease_owner="gone", lease_until=Now(), plan=make_plan().to_json()
    )
    create_upload(workspace, by=owner, filename="half.csv", length=1000)
    return create_key("program", workspace=workspace, user=owner, scopes=["read", "write", "predict"])[1]


def add_dataset(workspace: Workspace, owner: User, name: str) -> DatasetVersion:
    """A data set whose only version counts as read."""
    file = SimpleUploadedFile(f"{name}.csv", CONTENT)
    version = datasets.create_dataset(workspace, name, by=owner, file=file).versions.get()
    DatasetVersion.objects.filter(pk=version.pk).update(state=VersionState.READY, profile=people_profile().to_json())
    return version


def write_on(count: str) -> str:
    """Bring data sets, one after the other, as people do while a backup is made."""
    owner = User.objects.get(email="alice@example.com")
    workspace = owner.memberships.get().workspace
    for number in range(int(count)):
        add_dataset(workspace, owner, f"More {number}")
        print(number, flush=True)
    return "done"


def report(key: str) -> str:
    """What there is, as JSON: whatever must be the same after a restore."""
    found = find_key(key)
    versions = DatasetVersion.objects.order_by("created_at")
    answers = {}
    for version in versions:
        with version.opened("source") as folder:
            answers[version.dataset.name] = hashlib.sha256((folder / "source").read_bytes()).hexdigest()
    models = {}
    for model in ModelVersion.objects.all():
        with model.opened() as folder:
            artifact.verify(folder, model.sha256)
            models[str(model)] = model.sha256
    busy = TrainingRun.objects.get(name="Busy")
    return json.dumps(
        {
            "key": found is not None and found.is_live,
            "password": User.objects.get(email="alice@example.com").check_password(factories.PASSWORD),
            "datasets": answers,
            "models": models,
            "endpoints": list(Endpoint.objects.values_list("name", flat=True)),
            "busy": [busy.state, busy.fence, busy.attempt, busy.lease_owner],
            "uploads": Upload.objects.unfinished().count(),
            "seals": sorted({bool(version.seal) for version in versions}),
            "shared": storage.current_shelf() is None,
            "wrong books": len(quotas.audit()),
        }
    )


def load() -> str:
    """Have a model in memory as a predictor has; prints what it is for."""
    version = ModelVersion.objects.get()
    artifacts = Artifacts(open_shelf())
    model = artifacts.load(artifacts.folder_of(storage.address_of(version.folder)), version.sha256, 1)
    return model.signature.task


def go_on(key: str) -> str:
    """Report, then verify the audit log and make a row whose id the database draws, which it must not draw twice."""
    told = report(key)
    call_command("audit_verify", stdout=io.StringIO())
    factories.add_member(Workspace.objects.get(name="Lab"), factories.make_user("late"), Role.VIEWER)
    return told


def lose(archive: str) -> str:
    """Lose the files of a model, then make a backup; prints what is said of it."""
    storage.remove(ModelVersion.objects.get().folder)
    try:
        call_command("backup", archive, stdout=io.StringIO(), stderr=io.StringIO())
    except CommandError as fault:
        return str(fault)
    return ""


def main() -> None:
    acts = {act.__name__: act for act in (build, write_on, report, go_on, load, lose)}
    print(acts[sys.argv[1]](*sys.argv[2:]))
