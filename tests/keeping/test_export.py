"""Everything that one person owns, as a zip that goes by itself."""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import Role, User, Workspace
from modelyard.contracts import artifact
from modelyard.errors import Conflict
from modelyard.keeping import services
from modelyard.keeping.models import Export, ExportState
from tests import artifacts, factories
from tests.keeping.acts import CONTENT, add_dataset


@pytest.fixture
def filled(redis: Any, workspace: Workspace, alice: User) -> str:
    """A workspace of Alice's with something in it, one of somebody else's that she works in; returns a key of hers."""
    add_dataset(workspace, alice, "People")
    artifacts.make_version(workspace, alice)
    friend = factories.make_user("friend")
    shared = factories.make_workspace(friend, "Shared")
    factories.add_member(shared, alice, Role.EDITOR)
    add_dataset(shared, friend, "Not hers")
    return create_key("program", workspace=workspace, user=alice, scopes=["predict"])[1]


def download(client: Client) -> zipfile.ZipFile:
    answer = client.get(reverse("keeping:export_file"))
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


@pytest.mark.django_db(transaction=True)
def test_all_that_a_person_owns_and_nothing_else_is_in_it(
    filled: str, workspace: Workspace, alice: User, client: Client
) -> None:
    client.force_login(alice)
    assert client.get(reverse("keeping:export_file")).status_code == 404
    client.post(reverse("keeping:start_export"))
    export = Export.objects.get()
    assert "every 2s" in client.get(reverse("keeping:export_state")).content.decode()
    assert services.make_export(export.pk)
    archive = download(client)
    assert archive.testzip() is None
    names = archive.namelist()
    person = json.loads(archive.read("person.json"))
    assert person["email"] == "alice@example.com"
    assert {one["role"] for one in person["memberships"]} == {"owner", "editor"}
    told = json.loads(archive.read(f"{workspace.pk}/workspace.json"))
    assert [one["name"] for one in told["datasets"]] == ["People"]
    assert len(told["model_versions"]) == 1
    source = next(name for name in names if name.endswith("/People.csv"))
    assert archive.read(source) == CONTENT
    assert any(name.endswith(artifact.CORE_ONNX) for name in names)
    everything = b"".join(archive.read(name) for name in names if name.endswith(".json"))
    for secret in (filled.encode(), alice.password.encode(), b"Not hers", alice.keys.get().digest.encode()):
        assert secret not in everything


@pytest.mark.django_db(transaction=True)
def test_nobody_else_gets_it_and_it_goes_by_itself(filled: str, alice: User, charlie: User, client: Client) -> None:
    export = services.request_export(alice)
    with pytest.raises(Conflict):
        services.request_export(alice)
    services.make_export(export.pk)
    client.force_login(charlie)
    assert client.get(reverse("keeping:export_file")).status_code == 404
    export.refresh_from_db()
    assert export.folder.exists()
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    services.reconcile_exports()
    assert not export.folder.exists()
    assert not Export.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_export_whose_worker_was_lost_is_made_again_and_made_once(filled: str, alice: User) -> None:
    export = services.request_export(alice)
    Export.objects.update(state=ExportState.RUNNING, attempt=1, seen_at=timezone.now() - timedelta(hours=1))
    services.reconcile_exports()
    assert services.make_export(export.pk)
    assert not services.make_export(export.pk), "a second message finds nothing to do"
    export.refresh_from_db()
    assert (export.state, export.attempt) == (ExportState.READY, 2)
    Export.objects.update(state=ExportState.RUNNING, attempt=3, seen_at=timezone.now() - timedelta(hours=1))
    services.reconcile_exports()
    export.refresh_from_db()
    assert export.state == ExportState.FAILED
