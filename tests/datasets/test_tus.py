"""The resumable upload protocol, request by request."""

import base64
import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.utils import timezone

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.datasets import services, uploads
from modelyard.datasets.models import Dataset, Upload
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES
from tests.datasets.conftest import api_client
from tests.datasets.test_api import stored_bytes

BYTES = b"a,b\n1,2\n3,4\n"
TUS = {"Tus-Resumable": "1.0.0"}


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def create(client: Client, length: object = len(BYTES), **headers: str) -> Any:
    metadata = headers.pop("metadata", f"filename {encode('people.csv')}")
    sent = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata, **headers}
    return client.post("/api/v1/uploads", headers=sent)


def patch(client: Client, address: str, content: bytes, offset: object, **headers: str) -> Any:
    kind = headers.pop("kind", "application/offset+octet-stream")
    sent = {**TUS, "Upload-Offset": str(offset), **headers}
    return client.generic("PATCH", address, content, content_type=kind, headers=sent)


def offset_of(client: Client, address: str) -> int:
    answer = client.head(address, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


@pytest.fixture
def address(api: Client) -> str:
    return str(create(api).headers["Location"])


def test_a_file_arrives_in_pieces_and_becomes_a_data_set(api: Client, workspace: Workspace) -> None:
    answer = create(api)
    assert answer.status_code == 201
    address = answer.headers["Location"]
    assert stored_bytes(workspace) == (0, len(BYTES))
    assert offset_of(api, address) == 0
    first = patch(api, address, BYTES[:5], 0)
    assert first.status_code == 204
    assert first.headers["Upload-Offset"] == "5"
    assert "Upload-Expires" in first.headers
    assert patch(api, address, BYTES[5:], 5).headers["Upload-Offset"] == str(len(BYTES))
    upload = address.rpartition("/")[2]
    made = api.post("/api/v1/datasets", {"name": "People", "upload": upload}, content_type="application/json")
    assert made.status_code == 201, made.content
    version = made.json()["version"]
    assert (storage.version_folder(UUID(version["id"])) / "source").read_bytes() == BYTES
    assert not storage.upload_file(UUID(upload)).exists()
    assert stored_bytes(workspace) == (len(BYTES), 0)
    shown = api.get(f"/api/v1/dataset-versions/{version['id']}").json()
    assert shown["sha256"] == hashlib.sha256(BYTES).hexdigest()
    assert shown["filename"] == "people.csv"


def test_the_server_says_what_it_can(client: Client, db: None) -> None:
    answer = client.options("/api/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
        "checksum",
    }
    assert int(answer.headers["Tus-Max-Size"]) > 0
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_the_first_bytes_may_come_with_the_creation(api: Client) -> None:
    headers = {**TUS, "Upload-Length": str(len(BYTES))}
    kind = "application/offset+octet-stream"
    answer = api.generic("POST", "/api/v1/uploads", BYTES[:7], content_type=kind, headers=headers)
    assert answer.status_code == 201
    assert answer.headers["Upload-Offset"] == "7"
    assert offset_of(api, answer.headers["Location"]) == 7


def test_head_tells_offset_length_and_is_not_cached(api: Client, address: str) -> None:
    answer = api.head(address, headers=TUS)
    assert answer.headers["Upload-Length"] == str(len(BYTES))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_a_wrong_offset_is_a_conflict_and_changes_nothing(api: Client, address: str) -> None:
    patch(api, address, BYTES[:5], 0)
    assert patch(api, address, BYTES, 0).status_code == 409
    assert patch(api, address, BYTES[6:], 6).status_code == 409
    assert offset_of(api, address) == 5


def test_a_second_writer_is_a_conflict(api: Client, address: str) -> None:
    upload = Upload.objects.get()
    token = uploads.acquire(upload, 0)
    answer = patch(api, address, BYTES, 0)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "upload_busy"
    uploads.give_up(upload, token)
    assert patch(api, address, BYTES, 0).status_code == 204


def test_a_writer_that_was_killed_does_not_block_for_long(api: Client, address: str) -> None:
    upload = Upload.objects.get()
    uploads.acquire(upload, 0)
    Upload.objects.update(locked_until=timezone.now() - timedelta(seconds=1))
    assert patch(api, address, BYTES, 0).status_code == 204


def test_after_a_crash_between_file_and_row_the_smaller_counts(api: Client, address: str) -> None:
    upload = Upload.objects.get()
    patch(api, address, BYTES[:5], 0)
    with storage.upload_file(upload.pk).open("ab") as file:
        file.write(b"unsaved")
    assert offset_of(api, address) == 5
    storage.upload_file(upload.pk).write_bytes(BYTES[:3])
    assert offset_of(api, address) == 3
    assert patch(api, address, BYTES[3:], 3).headers["Upload-Offset"] == str(len(BYTES))
    assert storage.upload_file(upload.pk).read_bytes() == BYTES


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_right_checksum_is_accepted(api: Client, address: str, algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm, BYTES[:5]).digest()).decode()
    answer = patch(api, address, BYTES[:5], 0, **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert answer.status_code == 204
    assert offset_of(api, address) == 5


def test_a_wrong_checksum_throws_the_piece_away(api: Client, address: str) -> None:
    patch(api, address, BYTES[:3], 0)
    digest = base64.b64encode(hashlib.sha1(b"other").digest()).decode()
    answer = patch(api, address, BYTES[3:], 3, **{"Upload-Checksum": f"sha1 {digest}"})
    assert answer.status_code == 460
    assert offset_of(api, address) == 3


@pytest.mark.parametrize("checksum", ["md5 AAAA", "sha1", "sha1 %%%", "", "sha1 é"])
def test_an_odd_checksum_is_refused(api: Client, address: str, checksum: str) -> None:
    answer = patch(api, address, BYTES, 0, **{"Upload-Checksum": checksum})
    assert answer.status_code in (400, 460)
    assert offset_of(api, address) == 0


@pytest.mark.parametrize(
    "length", ["", "-1", "+5", "1.5", "NaN", "1e3", "0x10", "١٢", "9" * 40, " 5", "5,5", "Infinity", "1" * 5000]
)
def test_an_odd_length_is_refused(api: Client, length: str) -> None:
    answer = create(api, length)
    assert answer.status_code in (400, 413), answer.content
    assert not Upload.objects.exists()


def test_an_empty_file_and_one_that_is_too_large_are_refused(api: Client, workspace: Workspace) -> None:
    assert create(api, 0).status_code == 422
    assert create(api, 10**15).status_code == 413
    assert stored_bytes(workspace) == (0, 0)


def test_a_length_that_comes_later_is_refused(api: Client) -> None:
    answer = api.post("/api/v1/uploads", headers={**TUS, "Upload-Defer-Length": "1"})
    assert answer.status_code == 400


@pytest.mark.parametrize("offset", ["", "-1", "1.0", "NaN", "9" * 30, "0 "])
def test_an_odd_offset_is_refused(api: Client, address: str, offset: str) -> None:
    assert patch(api, address, BYTES, offset).status_code in (400, 409, 413)
    assert offset_of(api, address) == 0


def test_more_bytes_than_announced_are_refused(api: Client, address: str) -> None:
    assert patch(api, address, BYTES + b"x", 0).status_code == 413
    assert offset_of(api, address) == 0


@pytest.mark.parametrize("version", ["", "0.2.2", "1.0.1"])
def test_another_version_of_the_protocol_is_refused(api: Client, version: str) -> None:
    answer = create(api, **{"Tus-Resumable": version})
    assert answer.status_code == 412
    assert answer.headers["Tus-Version"] == "1.0.0"


def test_another_content_type_is_refused(api: Client, address: str) -> None:
    assert patch(api, address, BYTES, 0, kind="application/octet-stream").status_code == 415


@pytest.mark.parametrize(
    "metadata", ["filename %%%", "filename YQ==,filename YQ==", "fi\tle YQ==", "naïve YQ==", "a b c", "\x7f YQ=="]
)
def test_metadata_that_cannot_be_read_is_refused(api: Client, metadata: str) -> None:
    assert create(api, metadata=metadata).status_code == 400
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\people.csv", "people.csv"),
        ("\u202egnp.csv\u200b", "gnp.csv"),
        ("nul\0l.csv", "null.csv"),
        ("e\u0301.csv", "é.csv"),
        ("", "file"),
        ("..", "file"),
        ("<script>alert(1)<", "<script>alert(1)<"),
        ("x" * 300 + ".csv", "x" * 196 + ".csv"),
        ("数" * 250 + ".parquet", "数" * 192 + ".parquet"),
    ],
)
def test_names_are_text_to_show(api: Client, name: str, shown: str) -> None:
    answer = create(api, metadata=f"filename {encode(name)}")
    assert answer.status_code == 201
    upload = Upload.objects.get()
    assert upload.filename == shown
    patch(api, answer.headers["Location"], BYTES, 0)
    assert {path.name for path in storage.upload_file(upload.pk).parent.glob(f"*{upload.pk}*")} == {str(upload.pk)}


def test_bytes_that_are_no_utf8_in_a_name_do_no_harm(api: Client) -> None:
    latin = base64.b64encode("café.csv".encode("latin-1")).decode()
    assert create(api, metadata=f"filename {latin}").status_code == 201
    assert Upload.objects.get().filename == "caf\ufffd.csv"


def test_a_discarded_upload_is_gone_and_refunded(
    api: Client, workspace: Workspace, address: str, django_capture_on_commit_callbacks: Any
) -> None:
    patch(api, address, BYTES[:5], 0)
    upload = Upload.objects.get()
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(address, headers=TUS).status_code == 204
    assert api.head(address, headers=TUS).status_code == 404
    assert patch(api, address, BYTES[5:], 5).status_code == 404
    assert not storage.upload_file(upload.pk).exists()
    assert stored_bytes(workspace) == (0, 0)


def test_an_expired_upload_is_gone_and_refunded(
    api: Client, workspace: Workspace, address: str, django_capture_on_commit_callbacks: Any
) -> None:
    patch(api, address, BYTES[:5], 0)
    upload = Upload.objects.get()
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert api.head(address, headers=TUS).status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        services.reconcile()
    assert not Upload.objects.exists()
    assert not storage.upload_file(upload.pk).exists()
    assert stored_bytes(workspace) == (0, 0)


def test_a_proxy_that_knows_only_post_can_be_passed(api: Client, address: str) -> None:
    headers = {**TUS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    kind = "application/offset+octet-stream"
    assert api.generic("POST", address, BYTES, content_type=kind, headers=headers).status_code == 204
    assert offset_of(api, address) == len(BYTES)


@pytest.mark.parametrize("method", ["GET", "PUT", "TRACE", "BREW"])
def test_other_methods_are_not_known(api: Client, address: str, method: str) -> None:
    assert api.generic(method, address, headers=TUS).status_code == 405


def test_others_do_not_find_the_upload(charlie: User, address: str, api: Client) -> None:
    patch(api, address, BYTES, 0)
    theirs = charlie.memberships.get().workspace
    outsider = api_client(charlie, theirs, ["write"])
    assert outsider.head(address, headers=TUS).status_code == 404
    assert patch(outsider, address, BYTES, 0).status_code == 404
    assert outsider.delete(address, headers=TUS).status_code == 404
    body = {"name": "Mine", "upload": address.rpartition("/")[2]}
    assert outsider.post("/api/v1/datasets", body, content_type="application/json").status_code == 404
    assert not Dataset.objects.exists()


def test_who_is_not_known_or_may_not_write_is_refused(
    alice: User, vera: User, workspace: Workspace, address: str
) -> None:
    assert create(Client()).status_code == 401
    assert create(Client(headers={"Authorization": "Bearer mdy_nonsense"})).status_code == 401
    assert create(api_client(alice, workspace, ["read"])).status_code == 403
    viewer = Client()
    viewer.force_login(vera)
    assert create(viewer).status_code == 403
    assert viewer.head(address, headers=TUS).status_code == 200


def test_a_session_needs_its_csrf_token(alice: User, workspace: Workspace) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert create(browser).status_code == 403
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    assert create(browser, **{"X-CSRFToken": token}).status_code == 201


def test_an_unfinished_upload_does_not_become_a_data_set(api: Client, address: str, workspace: Workspace) -> None:
    patch(api, address, BYTES[:5], 0)
    body = {"name": "People", "upload": address.rpartition("/")[2]}
    answer = api.post("/api/v1/datasets", body, content_type="application/json")
    assert answer.status_code == 409
    assert "5 of 12" in answer.json()["error"]["message"]
    assert patch(api, address, BYTES[5:], 5).status_code == 204
    assert api.post("/api/v1/datasets", body, content_type="application/json").status_code == 201


def test_an_upload_is_used_once(api: Client, address: str) -> None:
    patch(api, address, BYTES, 0)
    upload = address.rpartition("/")[2]
    for status, name in ((201, "One"), (409, "Two")):
        answer = api.post("/api/v1/datasets", {"name": name, "upload": upload}, content_type="application/json")
        assert answer.status_code == status
    assert patch(api, address, b"x", len(BYTES)).status_code == 404
    assert api.head(address, headers=TUS).status_code == 404


def test_an_upload_survives_a_refused_name(api: Client, address: str) -> None:
    patch(api, address, BYTES, 0)
    upload = address.rpartition("/")[2]
    for name, status in (("\u202e", 422), ("x" * 200, 422), ("Good", 201)):
        answer = api.post("/api/v1/datasets", {"name": name, "upload": upload}, content_type="application/json")
        assert answer.status_code == status


def test_room_is_reserved_when_the_upload_is_made(api: Client, workspace: Workspace, operator: User) -> None:
    quotas.set_limit(workspace, STORAGE_BYTES.name, 20, by=operator)
    assert create(api).status_code == 201
    assert create(api).status_code == 429
    assert stored_bytes(workspace) == (0, len(BYTES))


def test_nobody_hoards_unfinished_uploads(api: Client, alice: User, workspace: Workspace) -> None:
    moment = timezone.now() + timedelta(hours=1)
    Upload.objects.bulk_create(
        Upload(id=uuid4(), workspace=workspace, user=alice, filename="x", length=1, expires_at=moment)
        for _ in range(uploads.MOST_UNFINISHED)
    )
    assert create(api).status_code == 409
