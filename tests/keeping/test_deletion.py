"""Deleting with everything that came of it, and the receipt that says so; retention; by calls within this process."""

import io
import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard import storage
from modelyard.accounts.keys import create_key
from modelyard.accounts.models import AuditEvent, Role, User, Workspace
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.route import KEYS, ROUTES
from modelyard.datasets.models import Dataset, DatasetVersion
from modelyard.datasets.services import delete_dataset
from modelyard.endpoints import services as endpoints
from modelyard.endpoints.models import Endpoint
from modelyard.errors import Conflict, NotAllowed
from modelyard.keeping import receipts, services
from modelyard.keeping.models import Receipt, Retention
from modelyard.monitoring.models import FailedCall
from modelyard.quotas import services as quotas
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.runs.models import RunState, TrainingRun
from tests import artifacts, factories
from tests.batches.making import make_batch, succeed
from tests.keeping.acts import add_dataset


@pytest.fixture
def redis_too(redis: Any) -> Any:
    return redis


@pytest.fixture
def made(redis_too: Any, workspace: Workspace, alice: User) -> DatasetVersion:
    """A data set, a run on it, its model behind an endpoint, a batch prediction that has ended."""
    data = add_dataset(workspace, alice, "People")
    version = artifacts.make_version(workspace, alice)
    assert version.run is not None
    TrainingRun.objects.filter(pk=version.run.pk).update(dataset_version=data, ended_at=timezone.now())
    storage.run_folder(version.run.pk).mkdir(parents=True, exist_ok=True)
    (storage.run_folder(version.run.pk) / "checkpoint").write_text("weights")
    endpoints.publish(workspace, "churn", version.model, [{"version": 1, "percent": 100}], by=alice)
    succeed(make_batch(version, alice))
    return data


def files_of(*subjects: uuid.UUID) -> list[Path]:
    """Whatever lies under these ids anywhere in the storage."""
    wanted = {str(subject) for subject in subjects}
    return [
        path for path in Path(settings.ENVIRONMENT.storage).rglob("*") if wanted & set(path.parts) and path.is_file()
    ]


def everything(workspace: Workspace) -> list[uuid.UUID]:
    rows = (
        DatasetVersion.objects.filter(dataset__workspace=workspace),
        TrainingRun.objects.filter(workspace=workspace),
        ModelVersion.objects.filter(model__workspace=workspace),
        BatchPrediction.objects.filter(workspace=workspace),
    )
    return [key for kind in rows for key in kind.values_list("pk", flat=True)]


@pytest.mark.django_db(transaction=True)
def test_a_data_set_goes_with_everything_made_of_it(made: DatasetVersion, workspace: Workspace, alice: User) -> None:
    subjects = everything(workspace)
    assert len(files_of(*subjects)) > 5
    receipt = services.erase_dataset(made.dataset, by=alice)
    assert files_of(*subjects) == []
    assert everything(workspace) == []
    assert not Endpoint.objects.exists()
    assert quotas.audit() == []
    wanted = {"datasets.Dataset", "runs.TrainingRun", "registry.ModelVersion", "endpoints.Endpoint"}
    assert wanted - {"endpoints.Endpoint"} <= set(receipt.rows)
    assert receipt.files > 5
    assert receipt.bytes > 1000


@pytest.mark.django_db(transaction=True)
def test_a_model_goes_with_its_endpoints_and_the_data_stays(
    made: DatasetVersion, workspace: Workspace, alice: User, redis_too: Any
) -> None:
    assert redis_too.hlen(ROUTES) == 1
    services.erase_model(RegisteredModel.objects.get(), by=alice)
    assert redis_too.hlen(ROUTES) == 0
    assert everything(workspace) == [made.pk]
    assert files_of(made.pk)


@pytest.mark.django_db(transaction=True)
def test_a_workspace_goes_whole_and_others_are_not_touched(
    made: DatasetVersion, workspace: Workspace, alice: User, charlie: User, redis_too: Any
) -> None:
    elsewhere = charlie.memberships.get().workspace
    kept = add_dataset(elsewhere, charlie, "Elsewhere")
    create_key("program", workspace=workspace, user=alice, scopes=["predict"])
    subjects = everything(workspace)
    assert redis_too.hlen(KEYS) == 1
    services.erase_workspace(workspace, by=alice)
    assert files_of(*subjects) == []
    assert not Workspace.objects.filter(pk=workspace.pk).exists()
    assert (redis_too.hlen(KEYS), redis_too.hlen(ROUTES)) == (0, 0)
    assert everything(elsewhere) == [kept.pk]
    assert files_of(kept.pk)


@pytest.mark.django_db(transaction=True)
def test_a_person_goes_with_what_is_theirs_alone(made: DatasetVersion, workspace: Workspace, alice: User) -> None:
    friend = factories.make_user("friend")
    shared = factories.make_workspace(friend, "Shared")
    factories.add_member(shared, alice, Role.EDITOR)
    theirs = add_dataset(shared, alice, "Shared data")
    browser = Client()
    browser.force_login(alice)
    alice_id = alice.pk
    receipt = services.erase_person(alice, by=alice)
    assert not User.objects.filter(pk=alice_id).exists()
    assert not Workspace.objects.filter(pk=workspace.pk).exists()
    theirs.refresh_from_db()
    assert theirs.created_by is None
    assert browser.get(reverse("home")).status_code == 302
    assert receipt.rows["sessions.Session"] == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_under_way_and_what_others_own_is_refused(
    made: DatasetVersion, workspace: Workspace, alice: User, bob: User, vera: User
) -> None:
    with pytest.raises(Conflict, match="only owner"):
        services.erase_person(alice, by=alice)
    with pytest.raises(NotAllowed):
        services.erase_person(alice, by=bob)
    with pytest.raises(NotAllowed):
        services.erase_workspace(workspace, by=bob)
    with pytest.raises(NotAllowed):
        services.erase_dataset(made.dataset, by=vera)
    TrainingRun.objects.update(state=RunState.RUNNING)
    for act, subject in ((services.erase_workspace, workspace), (services.erase_dataset, made.dataset)):
        with pytest.raises(Conflict):
            act(subject, by=alice)
    assert Dataset.objects.exists()
    assert Endpoint.objects.exists(), "all or nothing"


@pytest.mark.django_db(transaction=True)
def test_every_deletion_leaves_a_receipt_whose_digest_is_in_the_audit_log(
    redis_too: Any, workspace: Workspace, alice: User, charlie: User, client: Client
) -> None:
    data = add_dataset(workspace, alice, "People of Bonn")
    delete_dataset(data.dataset, by=alice)
    receipt = Receipt.objects.get()
    event = AuditEvent.objects.get(action="receipt")
    assert event.details["digest"] == receipt.digest == receipts.digest_of(receipt)
    told = json.dumps([event.details, event.subject])
    assert "People" not in told
    assert "alice" not in told
    client.force_login(charlie)
    address = reverse("keeping:receipt", args=[receipt.pk])
    assert client.get(address).status_code == 404
    client.force_login(alice)
    answer = client.get(address)
    assert "attachment" in answer.headers["Content-Disposition"]
    said = json.loads(answer.content)
    assert (said["kind"], said["files"], said["deleted_by"]) == ("dataset", 2, str(alice.pk))
    receipt.bytes += 1
    assert receipts.digest_of(receipt) != receipt.digest


@pytest.mark.django_db(transaction=True)
def test_what_was_kept_long_enough_goes_by_itself(made: DatasetVersion, workspace: Workspace, alice: User) -> None:
    endpoint = Endpoint.objects.get()
    long_ago, lately = timezone.now() - timedelta(days=40), timezone.now() - timedelta(days=20)
    for at in (long_ago, lately):
        FailedCall.objects.create(endpoint=endpoint, version=1, created_at=at, status=400, message="bad")
        run = artifacts.make_run(workspace, alice, "Old")
        TrainingRun.objects.filter(pk=run.pk).update(ended_at=at)
    BatchPrediction.objects.update(ended_at=long_ago)
    old = add_dataset(workspace, alice, "Old")
    DatasetVersion.objects.filter(pk=old.pk).update(created_at=long_ago)
    services.apply_retention()
    assert (FailedCall.objects.count(), BatchPrediction.objects.count()) == (2, 1), "nothing said, nothing done"
    days = {"datasets": 30, "runs": 30, "batches": 30, "failed_calls": 30}
    services.set_retention(workspace, dict(days), by=alice)
    services.apply_retention()
    assert FailedCall.objects.get().created_at == lately
    assert not BatchPrediction.objects.exists()
    assert list(Dataset.objects.values_list("name", flat=True)) == ["People"]
    assert TrainingRun.objects.count() == 2, "the one of lately, and the one of the model"
    assert files_of(old.pk) == []
    assert ModelVersion.objects.exists()


@pytest.mark.django_db
def test_only_owners_say_how_long_things_are_kept(workspace: Workspace, bob: User, alice: User, client: Client) -> None:
    client.force_login(bob)
    assert client.post(reverse("keeping:set_retention"), {"runs": "5"}).status_code == 403
    client.force_login(alice)
    assert client.post(reverse("keeping:set_retention"), {"runs": "0"}).status_code == 422
    assert client.post(reverse("keeping:set_retention"), {"runs": "5"}).status_code == 302
    kept = Retention.objects.get()
    assert (kept.runs, kept.datasets) == (5, None)


@pytest.mark.django_db
def test_an_account_is_deleted_with_the_password_only(
    workspace: Workspace, alice: User, client: Client, redis: Any
) -> None:
    client.force_login(alice)
    address = reverse("keeping:erase_person")
    assert client.post(address, {"proof": "wrong"}).status_code == 422
    assert User.objects.filter(pk=alice.pk).exists()
    answer = client.post(address, {"proof": factories.PASSWORD})
    assert answer.status_code == 200
    assert str(Receipt.objects.get().digest) in answer.content.decode()
    assert client.get(reverse("home")).status_code == 302


@pytest.mark.django_db
def test_an_operator_deletes_an_account_by_a_command(
    workspace: Workspace, alice: User, bob: User, operator: User, redis: Any
) -> None:
    for by, email, words in ((bob, operator.email, "only an operator"), (operator, "nobody@example.com", "nobody has")):
        with pytest.raises(CommandError, match=words):
            call_command("erase_person", email, by=by.email)
    output = io.StringIO()
    call_command("erase_person", bob.email, by=operator.email, stdout=output)
    assert not User.objects.filter(pk=bob.pk).exists()
    assert json.loads(output.getvalue())["deleted_by"] == str(operator.pk)


@pytest.mark.django_db
def test_a_workspace_is_deleted_by_its_name_only(workspace: Workspace, alice: User, client: Client, redis: Any) -> None:
    client.force_login(alice)
    address = reverse("keeping:erase_workspace")
    assert client.post(address, {"name": "lab"}).status_code == 422
    assert client.post(address, {"name": workspace.name}).status_code == 302
    assert not Workspace.objects.filter(pk=workspace.pk).exists()
