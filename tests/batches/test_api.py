"""Batch predictions by the platform API, with a key and with a session."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from modelyard import storage
from modelyard.accounts import keys
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.batches.models import BatchPrediction
from modelyard.datasets import uploads
from modelyard.endpoints import services as endpoints
from modelyard.endpoints.models import Endpoint
from modelyard.registry.models import ModelVersion
from tests.batches import making
from tests.serving.artifacts import write_regressor

ADDRESS = "/api/v1/batch-predictions"


@pytest.fixture
def endpoint(version: ModelVersion, workspace: Workspace, alice: User) -> Endpoint:
    return endpoints.publish(workspace, "people", version.model, [{"version": 1, "percent": 100}], by=alice)


def bearer(workspace: Workspace, user: User, *scopes: str, **options: Any) -> dict[str, str]:
    text = keys.create_key("tests", workspace=workspace, user=user, scopes=list(scopes), **options)[1]
    return {"Authorization": f"Bearer {text}"}


def post(client: Client, headers: dict[str, str], **body: Any) -> Any:
    file = SimpleUploadedFile("people.csv", making.PEOPLE)
    return client.post(ADDRESS, {"file": file, **body}, headers=headers)


def test_a_file_is_sent_watched_and_downloaded(
    client: Client, endpoint: Endpoint, workspace: Workspace, alice: User
) -> None:
    headers = bearer(workspace, alice, "write", "predict")
    made = post(client, headers, endpoint="people")
    assert made.status_code == 201
    body = made.json()
    assert (body["state"], body["endpoint"], body["model"], body["version"]) == ("queued", "people", "People", 1)
    assert body["progress"]["rows"] is None
    batch = BatchPrediction.objects.get(pk=body["id"])
    assert batch.key
    assert AuditEvent.objects.filter(action="batch.request", key=batch.key).exists()
    early = client.get(f"{ADDRESS}/{batch.pk}/result", headers=headers)
    assert early.status_code == 404

    making.succeed(batch)
    shown = client.get(f"{ADDRESS}/{batch.pk}", headers=headers).json()
    assert shown["state"] == "succeeded"
    assert shown["progress"] == {
        "rows": 3,
        "rows_done": 3,
        "rows_failed": 1,
        "fraction": 1.0,
        "rows_per_second": None,
        "eta_seconds": None,
    }
    assert shown["summary"]["faults"] == [{"reason": "'age' is bad", "rows": 1, "first_row": 2}]
    assert (shown["summary"]["answered"], shown["summary"]["labels"]) == (2, {"yes": 2})
    assert shown["result"]["added_columns"] == ["predicted_label", "prediction_error"]
    result = client.get(f"{ADDRESS}/{batch.pk}/result", headers=headers)
    assert b"".join(result.streaming_content) == b"id\n1\n"  # type: ignore[arg-type]
    assert result.headers["Content-Disposition"] == 'attachment; filename="people-predictions.csv"'
    assert [one["id"] for one in client.get(ADDRESS, headers=headers).json()["results"]] == [str(batch.pk)]
    assert client.delete(f"{ADDRESS}/{batch.pk}", headers=headers).status_code == 204
    assert client.get(f"{ADDRESS}/{batch.pk}", headers=headers).status_code == 404


def test_a_finished_upload_is_taken(client: Client, version: ModelVersion, workspace: Workspace, alice: User) -> None:
    upload = uploads.create_upload(workspace, by=alice, filename="people.csv", length=len(making.PEOPLE))
    body = {"upload": str(upload.pk), "model": "People", "version": 1, "format": "parquet"}
    headers = bearer(workspace, alice, "write", "predict")
    early = client.post(ADDRESS, body, "application/json", headers=headers)
    assert (early.status_code, early.json()["error"]["code"]) == (409, "upload_unfinished")
    storage.upload_file(upload.pk).write_bytes(making.PEOPLE)
    upload.offset = upload.length
    upload.save()
    made = client.post(ADDRESS, body, "application/json", headers=headers)
    assert made.status_code == 201
    batch = BatchPrediction.objects.get(pk=made.json()["id"])
    assert (batch.folder / "source").read_bytes() == making.PEOPLE
    assert batch.wanted == "parquet"
    again = client.post(ADDRESS, body, "application/json", headers=headers)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "upload_used")


def test_a_repeated_request_makes_one(client: Client, endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    headers = {**bearer(workspace, alice, "write", "predict"), "Idempotency-Key": "once"}
    first, second = (post(client, headers, endpoint="people").json() for _ in range(2))
    assert first["id"] == second["id"]
    assert BatchPrediction.objects.count() == 1


@pytest.mark.parametrize("scopes", [("write",), ("predict",), ("read", "predict"), ("admin",)])
def test_a_key_needs_both_scopes(
    client: Client, endpoint: Endpoint, workspace: Workspace, alice: User, scopes: tuple[str, ...]
) -> None:
    refused = post(client, bearer(workspace, alice, *scopes), endpoint="people")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "missing_scope")


def test_a_key_that_is_bound_to_endpoints_answers_files_there_only(
    client: Client, endpoint: Endpoint, workspace: Workspace, alice: User
) -> None:
    bound = bearer(workspace, alice, "write", "predict", endpoints=["other"])
    for asked in ({"endpoint": "people"}, {"model": "People", "version": 1}):
        assert post(client, bound, **asked).status_code == 403
    free = bearer(workspace, alice, "write", "predict", endpoints=["people"])
    assert post(client, free, endpoint="people").status_code == 201


def test_what_does_not_fit_is_named(client: Client, endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    headers = bearer(workspace, alice, "write", "predict")
    for body in ({}, {"endpoint": "people", "model": "People", "version": 1}, {"model": "People"}):
        refused = post(client, headers, **body)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "endpoint"), refused.content
    assert post(client, headers, endpoint="nowhere").status_code == 404
    assert post(client, headers, model="People", version=9).status_code == 404
    assert post(client, headers, endpoint="people", format="xlsx").json()["error"]["param"] == "format"
    empty = client.post(ADDRESS, {"endpoint": "people", "file": SimpleUploadedFile("a.csv", b"")}, headers=headers)
    assert (empty.status_code, empty.json()["error"]["param"]) == (422, "file")
    without = client.post(ADDRESS, {"endpoint": "people"}, headers=headers)
    assert (without.status_code, without.json()["error"]["param"]) == (400, "file")


def test_another_workspace_sees_nothing(
    client: Client, batch: BatchPrediction, charlie: User, version: ModelVersion
) -> None:
    making.succeed(batch)
    headers = bearer(charlie.memberships.get().workspace, charlie, "write", "predict")
    for address in (f"{ADDRESS}/{batch.pk}", f"{ADDRESS}/{batch.pk}/result"):
        assert client.get(address, headers=headers).status_code == 404
    assert client.post(f"{ADDRESS}/{batch.pk}/cancel", headers=headers).status_code == 404
    assert client.delete(f"{ADDRESS}/{batch.pk}", headers=headers).status_code == 404
    assert client.get(ADDRESS, headers=headers).json()["results"] == []
    assert post(client, headers, model="People", version=1).status_code == 404


def test_it_is_cancelled(client: Client, batch: BatchPrediction, workspace: Workspace, alice: User) -> None:
    headers = bearer(workspace, alice, "write")
    assert client.delete(f"{ADDRESS}/{batch.pk}", headers=headers).status_code == 409
    cancelled = client.post(f"{ADDRESS}/{batch.pk}/cancel", headers=headers)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")


def test_intervals_are_asked_for_and_kept(client: Client, workspace: Workspace, alice: User) -> None:
    version = making.register_model(workspace, alice, write_regressor)
    headers = bearer(workspace, alice, "write", "predict")
    asked = {"model": version.model.name, "version": version.number}
    made = post(client, headers, **asked, interval="0.9")
    assert made.status_code == 201, made.content
    assert made.json()["interval"] == 0.9
    assert BatchPrediction.objects.get(pk=made.json()["id"]).interval == 0.9
    assert post(client, headers, **asked).json()["interval"] is None
    refused = post(client, headers, **asked, interval="0.5")
    assert refused.status_code == 422
    assert "one of 0.8, 0.9" in refused.content.decode()


def test_a_classifier_gives_no_intervals(client: Client, endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    refused = post(client, bearer(workspace, alice, "write", "predict"), endpoint="people", interval="0.9")
    assert refused.status_code == 422
    assert "no intervals" in refused.content.decode()
