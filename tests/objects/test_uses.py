"""What people and operators see of an object store: uploads on two machines, words when it is away, moving into it."""

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import Client

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.artifact import verify
from modelyard.datasets import services, uploads
from modelyard.datasets.appending import Append
from modelyard.datasets.models import Upload
from modelyard.environment import ROOT, UnsafeSetting, read_environment
from modelyard.errors import StorageAway, StorageDamaged
from modelyard.objects.bucket import Bucket, parse_bucket
from modelyard.objects.probing import probe
from modelyard.registry.models import ModelVersion
from modelyard.runs import services as runs
from tests.artifacts import make_version
from tests.objects.server import CREDENTIALS, Cloud, Relay
from tests.runs.making import make_run
from tests.runs.making import make_version as make_data
from workers import insisting
from workers.devices import find_device
from workers.presence import Presence
from workers.supervising import bare_environment

BYTES = os.urandom(3000)


def move_to(folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process is on a machine whose copies lie in `folder`."""
    changed = dataclasses.replace(settings.ENVIRONMENT, storage=folder, bucket=parse_bucket(url))
    monkeypatch.setattr(settings, "ENVIRONMENT", changed)


def append(upload: Upload, offset: int, content: bytes) -> Upload:
    upload.refresh_from_db()
    one = Append(upload, offset, None)
    one.write(content)
    one.finish(complete=True)
    upload.refresh_from_db()
    return upload


def test_an_upload_goes_on_at_another_web_machine(
    workspace: Workspace, alice: User, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(tmp_path / "one", cloud.url(), monkeypatch)
    upload = uploads.create_upload(workspace, by=alice, filename="a.csv", length=len(BYTES))
    append(upload, 0, BYTES[:1000])
    move_to(tmp_path / "two", cloud.url(), monkeypatch)
    assert uploads.offset_of(append(upload, 1000, BYTES[1000:2500])) == 2500
    move_to(tmp_path / "one", cloud.url(), monkeypatch)
    append(upload, 2500, BYTES[2500:])
    version = services.create_dataset(workspace, "A", by=alice, upload=upload).versions.get()
    move_to(tmp_path / "three", cloud.url(), monkeypatch)
    with version.opened("source") as folder:
        assert (folder / "source").read_bytes() == BYTES
    assert not [key for key in cloud.names() if "/uploads/" in key]


def test_bytes_that_were_sent_twice_count_once(
    workspace: Workspace, alice: User, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(tmp_path / "one", cloud.url(), monkeypatch)
    upload = uploads.create_upload(workspace, by=alice, filename="a.csv", length=len(BYTES))
    storage.keep_part(upload.pk, 0, BYTES[:2000])  # the machine died before it could note this
    append(upload, 0, BYTES[:500])
    append(upload, 500, BYTES[500:])
    version = services.create_dataset(workspace, "A", by=alice, upload=upload).versions.get()
    with version.opened("source") as folder:
        assert (folder / "source").read_bytes() == BYTES


def test_a_lost_part_is_not_papered_over(
    workspace: Workspace, alice: User, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(tmp_path / "one", cloud.url(), monkeypatch)
    upload = uploads.create_upload(workspace, by=alice, filename="a.csv", length=len(BYTES))
    append(upload, 0, BYTES)
    cloud.client.delete_object(Bucket=cloud.name, Key=cloud.names()[0])
    with pytest.raises(StorageDamaged):
        services.create_dataset(workspace, "A", by=alice, upload=upload)
    assert not workspace.datasets.exists()


def test_a_store_that_is_away_is_a_503_and_costs_no_quota(
    workspace: Workspace, alice: User, cloud: Cloud, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(tmp_path / "one", cloud.url(relay.endpoint), monkeypatch)
    relay.close()
    client = Client()
    client.force_login(alice)
    answer = client.post("/api/v1/datasets", {"name": "A", "file": ContentFile(b"a,b\n1,2\n", name="a.csv")})
    assert answer.status_code == 503, answer.content
    assert answer.json()["error"]["code"] == "storage_away"
    assert cloud.name not in answer.content.decode()
    assert not workspace.datasets.exists()
    assert not list((tmp_path / "one" / "datasets").iterdir())


def test_reading_waits_while_the_store_is_away(
    workspace: Workspace, alice: User, cloud: Cloud, relay: Relay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_to(tmp_path / "one", cloud.url(), monkeypatch)
    file = ContentFile(b"a,b\n1,2\n", name="a.csv")
    version = services.create_dataset(workspace, "A", by=alice, file=file).versions.get()
    move_to(tmp_path / "two", cloud.url(relay.endpoint), monkeypatch)
    relay.close()
    claimed = services.claim_version(version.pk)
    assert claimed is not None
    with pytest.raises(StorageAway), claimed.opened():
        raise AssertionError("there is nothing to read")
    assert services.release_version(claimed, soon=False)
    version.refresh_from_db()
    assert (version.state, version.attempts, version.claimed_at) == ("uploaded", 0, None)


def test_files_move_from_a_folder_into_the_store(
    workspace: Workspace, alice: User, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = settings.ENVIRONMENT.storage
    file = ContentFile(b"a,b\n1,2\n", name="a.csv")
    data = services.create_dataset(workspace, "A", by=alice, file=file).versions.get()
    model: ModelVersion = make_version(workspace, alice)
    move_to(tmp_path / "one", cloud.url(), monkeypatch)
    for _again in range(2):
        call_command("store_files", f"--from={former}", stdout=io.StringIO())
    move_to(tmp_path / "two", cloud.url(), monkeypatch)
    data.refresh_from_db()
    with data.opened() as folder:
        assert (folder / "source").read_bytes() == b"a,b\n1,2\n"
    with model.opened() as folder:
        verify(folder, model.sha256)


@pytest.mark.django_db
def test_moving_wants_a_store_to_move_to(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="names no object store"):
        call_command("store_files", f"--from={tmp_path}")


def test_a_bucket_that_can_be_used_passes_the_probe(cloud: Cloud) -> None:
    assert probe(parse_bucket(cloud.url())) == ""
    assert cloud.contents() == {}


def test_a_bucket_that_is_not_there_is_named_at_the_start(cloud: Cloud, relay: Relay) -> None:
    missing = probe(Bucket(name="nobody-made-this", endpoint_url=cloud.endpoint, addressing="path"))
    assert "s3://nobody-made-this/" in missing
    assert "NoSuchBucket" in missing
    assert "whether the bucket exists" in missing
    relay.close()
    away = probe(parse_bucket(cloud.url(relay.endpoint)))
    assert "nothing can be written" in away
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in missing + away


def test_credentials_that_are_missing_are_named(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in CREDENTIALS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    assert "Unable to locate credentials" in probe(parse_bucket(cloud.url()))


def test_no_child_process_learns_of_the_store(credentials: None, tmp_path: Path) -> None:
    environment: dict[str, Any] = bare_environment(tmp_path)
    assert not [name for name in environment if name.startswith(("AWS_", "MODELYARD_"))]
    assert environment["HOME"] == str(tmp_path), "where no credentials lie"


def test_no_installation_starts_without_its_bucket(cloud: Cloud, tmp_path: Path) -> None:
    url = "s3://nobody-made-this?" + cloud.url().partition("?")[2]
    variables = {"MODELYARD_HOME": str(tmp_path), "MODELYARD_STORAGE_URL": url, **CREDENTIALS}
    for command in (["prepare"], ["check", "--deploy"]):
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *command],
            env={"PATH": os.defpath, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "names s3://nobody-made-this/" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def test_an_address_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_STORAGE_URL", "gs://bucket")
    with pytest.raises(UnsafeSetting, match="file:///a/folder that all machines share, or s3://bucket/prefix"):
        read_environment()
    monkeypatch.setenv("MODELYARD_STORAGE_URL", "s3://bucket?nonsense=1")
    with pytest.raises(UnsafeSetting, match="MODELYARD_STORAGE_URL takes the options"):
        read_environment()


def test_a_folder_with_other_files_is_no_place_for_copies(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELYARD_STORAGE_URL", cloud.url())
    monkeypatch.setenv("MODELYARD_STORAGE_CACHE", str(tmp_path / "new"))
    for _again in range(2):
        assert read_environment().storage == tmp_path / "new"
    (tmp_path / "former" / "datasets").mkdir(parents=True)
    monkeypatch.setenv("MODELYARD_STORAGE_CACHE", str(tmp_path / "former"))
    with pytest.raises(UnsafeSetting, match="holds something else"):
        read_environment()


def test_work_that_needs_the_store_waits_for_it(workspace: Workspace, alice: User) -> None:
    run = runs.claim_run(make_run(make_data(workspace, alice), alice).pk, "worker")
    assert run is not None
    presence = Presence(name="worker", queues=["train"], device=find_device("cpu"))
    failures = [StorageAway("away"), StorageAway("away")]

    def act() -> str:
        if failures:
            raise failures.pop()
        return "done"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(insisting, "PAUSE_SECONDS", 0.01)
        assert insisting.insist(act, run, presence) == "done"
    runs.cancel_run(run, by=alice)
    failures.append(StorageAway("away"))
    with pytest.raises(StorageAway):
        insisting.insist(act, run, presence)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:secret@bucket/x", "no credentials"),
        ("s3://B/x", "3 to 63 lower-case letters"),
        ("s3:///x", "3 to 63 lower-case letters"),
        ("s3://bucket/../x", "prefix of letters"),
        ("s3://bucket?endpoint=http://x", "takes the options"),
        ("s3://bucket?endpoint_url=minio:9000", "http://host:port"),
        ("s3://bucket?endpoint_url=http://user:secret@minio", "http://host:port"),
        ("s3://bucket?addressing=magic", "auto, path, virtual"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_bucket(url)


def test_an_address_says_everything_that_is_needed() -> None:
    bucket = parse_bucket("s3://yard/a/b?endpoint_url=https://minio:9000&region=eu-central-1")
    assert bucket == Bucket(
        name="yard", prefix="a/b/", endpoint_url="https://minio:9000", region="eu-central-1", addressing="path"
    )
    assert parse_bucket("s3://yard") == Bucket(name="yard")
