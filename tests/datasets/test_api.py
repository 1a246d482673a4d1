"""Data sets over the platform API."""

import json
import uuid

import pytest
from django.test import Client

from modelyard import storage
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.datasets.models import Dataset, DatasetVersion
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.runs.models import TrainingRun
from tests.datasets.conftest import CSV, api_client, csv_file, people_profile


def stored_bytes(workspace: Workspace) -> tuple[int, int]:
    status = next(status for status in quotas.overview(workspace) if status.kind == STORAGE_BYTES.name)
    return status.used, status.reserved


def test_a_file_becomes_a_data_set(api: Client, workspace: Workspace) -> None:
    answer = api.post("/api/v1/datasets", {"name": "People", "file": csv_file()})
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["name"] == "People"
    assert body["version"]["number"] == 1
    assert body["version"]["state"] == "uploaded"
    folder = storage.version_folder(uuid.UUID(body["version"]["id"]))
    assert (folder / "source").read_bytes() == CSV
    assert json.loads((folder / "request.json").read_text()) == {"filename": "people.csv"}
    assert sorted(path.name for path in folder.iterdir()) == ["request.json", "source"]
    assert stored_bytes(workspace) == (len(CSV), 0)
    assert AuditEvent.objects.filter(action="dataset.create", key__gt="").count() == 1


def test_the_digest_is_that_of_the_bytes(api: Client) -> None:
    import hashlib

    made = api.post("/api/v1/datasets", {"name": "People", "file": csv_file()}).json()
    version = api.get(f"/api/v1/datasets/{made['id']}").json()["versions"][0]
    assert version["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert version["size"] == len(CSV)


def test_without_a_name_the_file_gives_it_and_a_taken_one_is_counted_on(api: Client) -> None:
    names = [api.post("/api/v1/datasets", {"file": csv_file()}).json()["name"] for _ in range(3)]
    assert names == ["people", "people 2", "people 3"]


def test_the_work_of_reading_is_asked_for_on_commit(api: Client, django_capture_on_commit_callbacks: object) -> None:
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]
        api.post("/api/v1/datasets", {"name": "People", "file": csv_file()})
    assert len(callbacks) == 1


def test_a_second_file_is_version_two(api: Client, ready: DatasetVersion) -> None:
    answer = api.post(f"/api/v1/datasets/{ready.dataset_id}/versions", {"file": csv_file(b"a,b\n1,2\n")})
    assert answer.status_code == 201
    assert answer.json()["number"] == 2
    listed = api.get(f"/api/v1/datasets/{ready.dataset_id}").json()
    assert [version["number"] for version in listed["versions"]] == [2, 1]


def test_a_version_tells_what_was_found(api: Client, ready: DatasetVersion) -> None:
    body = api.get(f"/api/v1/dataset-versions/{ready.pk}").json()
    assert body["state"] == "ready"
    assert body["kind"] == "table"
    assert body["rows"] == 3
    assert [(column["name"], column["kind"], column["missing"]) for column in body["columns"]] == [
        ("age", "number", 1),
        ("city", "category", 0),
    ]
    assert body["columns"][1]["bars"][0] == {"count": 2, "low": None, "high": None, "value": "Bonn"}
    assert body["warnings"][0]["code"] == "few_rows"
    assert body["problems"] == []


def test_a_version_that_is_being_read_says_so(api: Client, uploaded: DatasetVersion) -> None:
    body = api.get(f"/api/v1/dataset-versions/{uploaded.pk}").json()
    assert body["state"] == "uploaded"
    assert body["columns"] == []
    assert body["rows"] is None


def test_the_list_comes_in_pages(api: Client) -> None:
    for number in range(3):
        api.post("/api/v1/datasets", {"name": f"Set {number}", "file": csv_file()})
    first = api.get("/api/v1/datasets?page_size=2").json()
    assert [entry["name"] for entry in first["results"]] == ["Set 2", "Set 1"]
    second = api.get(first["next"]).json()
    assert [entry["name"] for entry in second["results"]] == ["Set 0"]
    assert second["next"] is None


def test_a_repeated_request_creates_once(api: Client) -> None:
    headers = {"Idempotency-Key": "one"}
    first = api.post("/api/v1/datasets", {"name": "People", "file": csv_file()}, headers=headers)
    again = api.post("/api/v1/datasets", {"name": "People", "file": csv_file()}, headers=headers)
    assert first.json() == again.json()
    assert Dataset.objects.count() == 1


def test_kinds_are_corrected_and_taken_back(api: Client, ready: DatasetVersion) -> None:
    address = f"/api/v1/dataset-versions/{ready.pk}"
    answer = api.patch(address, {"kinds": {"age": "category"}}, content_type="application/json")
    assert answer.status_code == 200
    column = answer.json()["columns"][0]
    assert (column["kind"], column["guessed_kind"]) == ("category", "number")
    api.patch(address, {"kinds": {"age": "number"}}, content_type="application/json")
    assert DatasetVersion.objects.get(pk=ready.pk).kinds == {}


@pytest.mark.parametrize(
    "kinds",
    [
        {"nothing": "number"},
        {"age": "fruit"},
        {"age": "empty"},
        {"age": "category", "nothing": "number"},
        {},
        {"age": None},
        [],
    ],
)
def test_odd_kinds_are_refused_and_change_nothing(api: Client, ready: DatasetVersion, kinds: object) -> None:
    answer = api.patch(f"/api/v1/dataset-versions/{ready.pk}", {"kinds": kinds}, content_type="application/json")
    assert answer.status_code in (400, 422), answer.content
    assert answer.json()["error"]["param"].startswith("kinds")
    assert DatasetVersion.objects.get(pk=ready.pk).kinds == {}


def test_kinds_wait_until_the_file_is_read(api: Client, uploaded: DatasetVersion) -> None:
    answer = api.patch(
        f"/api/v1/dataset-versions/{uploaded.pk}", {"kinds": {"age": "text"}}, content_type="application/json"
    )
    assert answer.status_code == 409


def test_two_versions_are_compared(api: Client, ready: DatasetVersion, settle) -> None:  # type: ignore[no-untyped-def]
    made = api.post(f"/api/v1/datasets/{ready.dataset_id}/versions", {"file": csv_file(b"age\n1\n")}).json()
    settle(DatasetVersion.objects.get(pk=made["id"]), people_profile(rows=9, columns=people_profile().columns[:1]))
    body = api.get(f"/api/v1/datasets/{ready.dataset_id}/comparison?older=1&newer=2").json()
    assert (body["older_rows"], body["newer_rows"]) == (3, 9)
    assert {column["name"]: column["change"] for column in body["columns"]} == {"age": "changed", "city": "removed"}
    wrong = api.get(f"/api/v1/datasets/{ready.dataset_id}/comparison?older=1&newer=7")
    assert wrong.status_code == 422


def test_deleting_removes_rows_files_and_gives_the_storage_back(
    api: Client, workspace: Workspace, ready: DatasetVersion, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        answer = api.delete(f"/api/v1/datasets/{ready.dataset_id}")
    assert answer.status_code == 204
    assert not Dataset.objects.exists()
    assert not storage.version_folder(ready.pk).exists()
    assert stored_bytes(workspace) == (0, 0)


def test_a_data_set_in_use_stays(api: Client, workspace: Workspace, ready: DatasetVersion) -> None:
    run = TrainingRun.objects.create(
        workspace=workspace, name="First", dataset_version=ready, model_template="tabular_classifier", plan={}
    )
    answer = api.delete(f"/api/v1/datasets/{ready.dataset_id}")
    assert answer.status_code == 409
    assert "First" in answer.json()["error"]["message"]
    TrainingRun.objects.filter(pk=run.pk).update(state="cancelled")
    assert api.delete(f"/api/v1/datasets/{ready.dataset_id}").status_code == 204


def test_a_taken_name_is_refused_before_anything_is_stored(api: Client, workspace: Workspace) -> None:
    api.post("/api/v1/datasets", {"name": "People", "file": csv_file()})
    answer = api.post("/api/v1/datasets", {"name": "People", "file": csv_file()})
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "name"
    assert answer.json()["error"]["code"] == "name_taken"
    assert stored_bytes(workspace) == (len(CSV), 0)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"name": "People"}, 400, "file"),
        ({"name": "x" * 121, "file": b"a\n1\n"}, 422, "name"),
        ({"name": "\u202e\u200b", "file": b"a\n1\n"}, 422, "name"),
        ({"name": "People", "file": b""}, 422, "file"),
        ({"name": "People", "upload": "not-an-id"}, 400, "upload"),
    ],
)
def test_a_wrong_request_is_refused(api: Client, body: dict[str, object], status: int, param: str) -> None:
    if isinstance(body.get("file"), bytes):
        body = {**body, "file": csv_file(body["file"])}  # type: ignore[arg-type]
    answer = api.post("/api/v1/datasets", body)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"]["param"] == param
    assert not Dataset.objects.exists()


def test_a_spent_quota_refuses_and_keeps_nothing(api: Client, workspace: Workspace, operator: User) -> None:
    quotas.set_limit(workspace, STORAGE_BYTES.name, 10, by=operator)
    answer = api.post("/api/v1/datasets", {"name": "People", "file": csv_file()})
    assert answer.status_code == 429
    assert answer.json()["error"]["param"] == STORAGE_BYTES.name
    assert stored_bytes(workspace) == (0, 0)
    assert not Dataset.objects.exists()


def test_an_outsider_finds_nothing(charlie: User, ready: DatasetVersion) -> None:
    theirs = charlie.memberships.get().workspace
    client = api_client(charlie, theirs, ["admin"])
    for method, address in (
        ("get", f"/api/v1/datasets/{ready.dataset_id}"),
        ("delete", f"/api/v1/datasets/{ready.dataset_id}"),
        ("get", f"/api/v1/dataset-versions/{ready.pk}"),
        ("get", f"/api/v1/datasets/{ready.dataset_id}/comparison?older=1&newer=1"),
    ):
        assert getattr(client, method)(address).status_code == 404, address
    address = f"/api/v1/dataset-versions/{ready.pk}"
    assert client.patch(address, {"kinds": {"age": "text"}}, content_type="application/json").status_code == 404
    assert client.post(f"/api/v1/datasets/{ready.dataset_id}/versions", {"file": csv_file()}).status_code == 404
    assert client.get("/api/v1/datasets").json()["results"] == []


def test_a_viewer_reads_but_does_not_write(vera: User, ready: DatasetVersion) -> None:
    client = Client()
    client.force_login(vera)
    assert client.get(f"/api/v1/dataset-versions/{ready.pk}").status_code == 200
    assert client.post("/api/v1/datasets", {"file": csv_file()}).status_code == 403
    assert client.delete(f"/api/v1/datasets/{ready.dataset_id}").status_code == 403
    address = f"/api/v1/dataset-versions/{ready.pk}"
    assert client.patch(address, {"kinds": {"age": "text"}}, content_type="application/json").status_code == 403


def test_a_key_that_may_only_read_does_not_write(alice: User, workspace: Workspace, ready: DatasetVersion) -> None:
    client = api_client(alice, workspace, ["read"])
    assert client.get("/api/v1/datasets").status_code == 200
    assert client.post("/api/v1/datasets", {"file": csv_file()}).status_code == 403


def test_nobody_without_a_key(db: None) -> None:
    assert Client().get("/api/v1/datasets").status_code == 401
