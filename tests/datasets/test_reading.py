"""What the worker that reads files and the reconciler rely on."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from modelyard import jobs, storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.profile import ColumnProfile, Problem, Profile
from modelyard.datasets import reading, services
from modelyard.datasets.models import DatasetVersion, Upload, VersionState
from modelyard.errors import Conflict
from tests.datasets.conftest import people_profile


def forget_reader(version: DatasetVersion) -> None:
    """As if the worker that claimed it had been killed long ago."""
    DatasetVersion.objects.filter(pk=version.pk).update(
        claimed_at=timezone.now() - reading.STALE - timedelta(seconds=1)
    )


def queued(redis: Any) -> int:
    """How many messages wait for the readers."""
    return int(redis.llen("modelyard:celery:ingest"))


def test_one_worker_gets_the_version(uploaded: DatasetVersion) -> None:
    first = services.claim_version(str(uploaded.pk))
    assert first is not None
    assert first.attempts == 1
    assert services.claim_version(uploaded.pk) is None


def test_what_was_found_is_kept_and_followers_are_told(ready: DatasetVersion) -> None:
    assert ready.state == VersionState.READY
    assert services.profile_of(ready) == people_profile()
    assert services.claim_version(ready.pk) is None


def test_problems_reject(uploaded: DatasetVersion) -> None:
    claimed = services.claim_version(uploaded.pk)
    assert claimed is not None
    assert services.settle_version(claimed, Profile(kind=None, problems=(Problem(code="x", message="no"),)))
    assert DatasetVersion.objects.get().state == VersionState.REJECTED


def test_a_worker_thought_dead_cannot_settle(uploaded: DatasetVersion) -> None:
    slow = services.claim_version(uploaded.pk)
    assert slow is not None
    forget_reader(uploaded)
    fresh = services.claim_version(uploaded.pk)
    assert fresh is not None
    assert not services.settle_version(slow, people_profile(rows=1))
    assert DatasetVersion.objects.get().state == VersionState.UPLOADED
    assert services.settle_version(fresh, people_profile())
    assert not services.settle_version(fresh, people_profile(rows=2))
    assert services.profile_of(DatasetVersion.objects.get()).rows == 3


def test_a_file_that_ends_three_workers_is_rejected(uploaded: DatasetVersion) -> None:
    for _ in range(3):
        assert services.claim_version(uploaded.pk) is not None
        forget_reader(uploaded)
    assert services.claim_version(uploaded.pk) is None
    version = DatasetVersion.objects.get()
    assert version.state == VersionState.REJECTED
    problem = services.profile_of(version).problems[0]
    assert problem.code == "unreadable"
    assert "3 times" in problem.message


def test_a_version_that_was_deleted_meanwhile_is_not_missed(uploaded: DatasetVersion, alice: User) -> None:
    claimed = services.claim_version(uploaded.pk)
    assert claimed is not None
    services.delete_dataset(uploaded.dataset, by=alice)
    assert not services.settle_version(claimed, people_profile())
    assert services.claim_version(uploaded.pk) is None


def test_text_that_a_database_cannot_hold_is_kept_out(uploaded: DatasetVersion) -> None:
    claimed = services.claim_version(uploaded.pk)
    assert claimed is not None
    odd = ColumnProfile(name="a\0b\ud800", kind="text")
    assert services.settle_version(claimed, Profile(kind="table", rows=1, columns=(odd,)))
    assert services.profile_of(DatasetVersion.objects.get()).columns[0].name == "a\ufffdb?"


def test_a_profile_is_not_there_before_the_file_is_read(uploaded: DatasetVersion) -> None:
    with pytest.raises(Conflict, match="still being read"):
        services.profile_of(uploaded)


def test_a_lost_message_is_rung_again(uploaded: DatasetVersion, redis: Any) -> None:
    services.reconcile()
    assert queued(redis) == 0
    DatasetVersion.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    services.reconcile()
    assert queued(redis) == 1


def test_versions_in_good_hands_are_not_rung(uploaded: DatasetVersion, redis: Any) -> None:
    DatasetVersion.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    services.claim_version(uploaded.pk)
    services.reconcile()
    assert queued(redis) == 0
    forget_reader(uploaded)
    services.reconcile()
    assert queued(redis) == 1


def test_a_broker_that_is_away_stops_nothing(uploaded: DatasetVersion) -> None:
    assert not jobs.ring("profile", str(uploaded.pk))


def test_files_without_a_row_go_after_a_day(uploaded: DatasetVersion, alice: User, workspace: Workspace) -> None:
    orphans = [storage.version_folder(uuid4()), storage.version_folder(uuid4())]
    for folder in orphans:
        folder.mkdir()
        (folder / "source").write_bytes(b"x")
    growing = Upload.objects.create(
        workspace=workspace, user=alice, filename="x", length=9, expires_at=timezone.now() + timedelta(hours=1)
    )
    storage.upload_file(growing.pk).write_bytes(b"x")
    old = time.time() - 2 * 24 * 3600
    for path in (orphans[0], storage.version_folder(uploaded.pk), storage.upload_file(growing.pk)):
        os.utime(path, (old, old))
    services.reconcile()
    assert not orphans[0].exists()
    assert orphans[1].exists()
    assert (storage.version_folder(uploaded.pk) / "source").exists()
    assert storage.upload_file(growing.pk).exists()


Settle = Callable[[DatasetVersion, Profile], DatasetVersion]


def test_a_comparison_tells_what_moved(ready: DatasetVersion, alice: User, settle: Settle) -> None:
    from tests.datasets.conftest import csv_file

    newer = settle(services.add_version(ready.dataset, by=alice, file=csv_file()), people_profile())
    same = services.compare_versions(ready, newer)
    assert same.same_bytes
    assert {column.change for column in same.columns} == {"same"}
    assert [column.shift for column in same.columns] == [0.0, 0.0]
