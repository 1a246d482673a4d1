"""Batch predictions come to one end, and the books are exact: only answered rows of a delivered result are charged."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from modelyard import leasing
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.batches import requesting, services
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.route import spent_key
from modelyard.endpoints.models import PredictionUsage
from modelyard.errors import Conflict, NotAllowed, QuotaExceeded
from modelyard.leased_work import Failure, WorkState
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS, STORAGE_BYTES
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import delete_version
from tests.batches import making

BROKEN = Failure(code="bad", message="It was bad.")


def status(workspace: Workspace, kind: str = PREDICTIONS.name) -> tuple[int, int]:
    """Used and reserved."""
    found = next(one for one in quotas.overview(workspace) if one.kind == kind)
    return found.used, found.reserved


def held_bytes(workspace: Workspace) -> int:
    return status(workspace, STORAGE_BYTES.name)[0]


def test_answered_rows_are_charged_and_the_others_given_back(
    batch: BatchPrediction, workspace: Workspace, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    held = making.claim(batch)
    assert services.admit(held, making.SURVEY)
    assert status(workspace) == (0, 3)
    models = held_bytes(workspace) - len(making.PEOPLE)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.settle_succeeded(held, making.TALLY, size=100, seal="")
    assert status(workspace) == (2, 0)
    assert held_bytes(workspace) == models + 100
    assert not batch.folder.exists()
    usage = PredictionUsage.objects.get(workspace=workspace)
    assert (usage.predictions, usage.requests, usage.user, usage.version) == (2, 0, str(alice.pk), 1)
    assert quotas.audit() == []


@pytest.mark.parametrize("ending", ["failed", "cancelled"])
def test_what_was_not_delivered_is_not_charged(
    batch: BatchPrediction, workspace: Workspace, ending: str, django_capture_on_commit_callbacks: Any
) -> None:
    held = making.claim(batch)
    services.admit(held, making.SURVEY)
    before = held_bytes(workspace)
    with django_capture_on_commit_callbacks(execute=True):
        if ending == "failed":
            assert services.settle_failed(held, BROKEN)
        else:
            assert services.settle_cancelled(held)
    assert status(workspace) == (0, 0)
    assert held_bytes(workspace) == before - len(making.PEOPLE)
    assert not batch.folder.exists()
    assert not PredictionUsage.objects.exists()
    assert quotas.audit() == []


def test_predictors_count_along(
    batch: BatchPrediction, workspace: Workspace, redis: Any, django_capture_on_commit_callbacks: Any
) -> None:
    key = spent_key(str(workspace.pk), timezone.now().strftime("%Y-%m"))
    redis.set(key, 10)
    with django_capture_on_commit_callbacks(execute=True):
        held = making.claim(batch)
        services.admit(held, making.SURVEY)
    assert redis.get(key) == "13"
    with django_capture_on_commit_callbacks(execute=True):
        services.settle_succeeded(held, making.TALLY, size=1, seal="")
    assert redis.get(key) == "12"


def test_a_count_that_redis_lost_starts_again_from_the_ledger(
    batch: BatchPrediction, workspace: Workspace, redis: Any, django_capture_on_commit_callbacks: Any
) -> None:
    quotas.add_used(workspace, PREDICTIONS.name, 7, subject="predictions:churn")
    with django_capture_on_commit_callbacks(execute=True):
        services.admit(making.claim(batch), making.SURVEY)
    assert redis.get(spent_key(str(workspace.pk), timezone.now().strftime("%Y-%m"))) == "10"


def test_a_file_that_does_not_fit_into_the_month_is_not_begun(
    batch: BatchPrediction, workspace: Workspace, operator: User
) -> None:
    quotas.set_limit(workspace, PREDICTIONS.name, 2, by=operator)
    held = making.claim(batch)
    with pytest.raises(QuotaExceeded, match="3 needed, 2 of 2 left"):
        services.admit(held, making.SURVEY)
    batch.refresh_from_db()
    assert batch.survey is None
    assert status(workspace) == (0, 0)


def test_a_spent_month_takes_no_file_at_all(
    version: ModelVersion, workspace: Workspace, alice: User, operator: User
) -> None:
    quotas.set_limit(workspace, PREDICTIONS.name, 0, by=operator)
    before = held_bytes(workspace)
    with pytest.raises(QuotaExceeded):
        making.make_batch(version, alice)
    assert held_bytes(workspace) == before
    assert not BatchPrediction.objects.exists()


def test_one_workspace_cannot_fill_the_queue(
    batch: BatchPrediction, version: ModelVersion, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requesting, "MOST_UNFINISHED", 1)
    with pytest.raises(Conflict, match="1 files of this workspace wait"):
        making.make_batch(version, alice)
    services.cancel_batch(batch, by=alice)
    making.make_batch(version, alice)


def test_a_result_that_there_is_no_room_for_changes_nothing(
    batch: BatchPrediction, workspace: Workspace, operator: User
) -> None:
    held = making.claim(batch)
    services.admit(held, making.SURVEY)
    quotas.set_limit(workspace, STORAGE_BYTES.name, held_bytes(workspace), by=operator)
    with pytest.raises(QuotaExceeded):
        services.settle_succeeded(held, making.TALLY, size=10**9, seal="")
    assert services.settle_failed(held, BROKEN)
    assert status(workspace) == (0, 0)


def test_who_lost_the_lease_writes_nothing(batch: BatchPrediction, workspace: Workspace) -> None:
    former = making.claim(batch)
    BatchPrediction.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert services.reconcile().requeued == 1
    held = making.claim(batch, "another")
    assert not services.record_progress(former)
    assert not services.admit(former, making.SURVEY)
    assert not services.settle_succeeded(former, making.TALLY, size=1, seal="")
    assert not services.settle_failed(former, BROKEN)
    assert not leasing.beat(former)
    assert leasing.beat(held)
    assert held.attempt == 2
    assert status(workspace) == (0, 0)


def test_the_third_lost_worker_is_the_end_and_nothing_is_charged(batch: BatchPrediction, workspace: Workspace) -> None:
    for attempt in range(leasing.MOST_ATTEMPTS):
        held = making.claim(batch)
        if attempt == 0:
            services.admit(held, making.SURVEY)
        BatchPrediction.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        services.reconcile()
    batch.refresh_from_db()
    assert (batch.state, batch.failure["code"]) == (WorkState.FAILED, "infra")
    assert batch.holds is None
    assert status(workspace) == (0, 0)


def test_a_waiting_one_is_cancelled_at_once_and_twice_is_as_good(batch: BatchPrediction, alice: User) -> None:
    services.cancel_batch(batch, by=alice)
    services.cancel_batch(batch, by=alice)
    assert batch.state == WorkState.CANCELLED
    assert AuditEvent.objects.filter(action="batch.cancel").count() == 1
    assert services.claim_batch(batch.pk, "scorer") is None


def test_what_has_ended_well_is_not_cancelled(batch: BatchPrediction, alice: User) -> None:
    done = making.succeed(batch)
    with pytest.raises(Conflict):
        services.cancel_batch(done, by=alice)


def test_deleting_gives_the_bytes_back(
    batch: BatchPrediction, alice: User, workspace: Workspace, django_capture_on_commit_callbacks: Any
) -> None:
    done = making.succeed(batch)
    before = held_bytes(workspace)
    with django_capture_on_commit_callbacks(execute=True):
        services.delete_batch(done, by=alice)
    assert held_bytes(workspace) == before - len(b"id\n1\n")
    assert not done.result_folder.exists()
    assert status(workspace) == (2, 0), "what was used up in a month stays used"
    assert quotas.audit() == []


def test_what_runs_is_not_deleted(batch: BatchPrediction, alice: User) -> None:
    with pytest.raises(Conflict, match="cancel it first"):
        services.delete_batch(batch, by=alice)


def test_results_go_when_their_time_is_over_and_the_record_stays(
    batch: BatchPrediction,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, batch_keep_days=2))
    done = making.succeed(batch)
    assert done.expires_at is not None
    assert timedelta(days=1.9) < done.expires_at - timezone.now() <= timedelta(days=2)
    assert services.reconcile().expired == 0
    BatchPrediction.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    before = held_bytes(workspace)
    with django_capture_on_commit_callbacks(execute=True):
        assert services.reconcile().expired == 1
    assert services.reconcile().expired == 0
    done.refresh_from_db()
    assert not done.has_result
    assert done.outcome.rows == 3
    assert not done.result_folder.exists()
    assert held_bytes(workspace) == before - len(b"id\n1\n")


def test_a_version_that_is_answering_is_not_deleted(batch: BatchPrediction, version: ModelVersion, alice: User) -> None:
    with pytest.raises(Conflict, match=r"is answering people\.csv"):
        delete_version(version, by=alice)
    making.succeed(batch)
    delete_version(version, by=alice)
    batch.refresh_from_db()
    assert (batch.version, batch.model_name, batch.version_number) == (None, "People", 1)


def test_an_unknown_message_and_a_second_one_find_nothing_to_do(batch: BatchPrediction) -> None:
    assert services.claim_batch("00000000-0000-0000-0000-000000000000", "scorer") is None
    making.claim(batch)
    assert services.claim_batch(batch.pk, "another") is None


def test_viewers_and_outsiders_start_and_delete_nothing(
    version: ModelVersion, batch: BatchPrediction, vera: User, charlie: User
) -> None:
    for person in (vera, charlie):
        with pytest.raises(NotAllowed):
            services.request_batch(version, by=person, file=SimpleUploadedFile("a.csv", b"a\n1\n"))
        with pytest.raises(NotAllowed):
            services.delete_batch(batch, by=person)
