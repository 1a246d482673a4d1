"""What predictors report is counted once, whatever happens in between."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.route import USAGE
from modelyard.endpoints import folding, streams
from modelyard.endpoints.models import PredictionUsage
from modelyard.endpoints.services import fold_usage
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.quotas.models import Quota
from tests import factories
from tests.endpoints.conftest import Mirror


def test_usage_is_folded_by_hour_and_deleted(mirror: Mirror, workspace: Workspace) -> None:
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    for minute in (0, 30, 59, 60):
        mirror.use(workspace, minute=int((noon + timedelta(minutes=minute)).timestamp() // 60), predictions=2, errors=1)

    assert fold_usage() == 4

    rows = PredictionUsage.objects.order_by("hour")
    assert [(row.hour, row.requests, row.predictions, row.errors) for row in rows] == [
        (noon, 3, 6, 3),
        (noon + timedelta(hours=1), 1, 2, 1),
    ]
    assert rows[0].latencies == [0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]
    assert rows[0].seconds == pytest.approx(0.012)
    assert mirror.redis.xlen(USAGE) == 0


def test_endpoints_keys_people_and_versions_are_told_apart(mirror: Mirror, workspace: Workspace, alice: User) -> None:
    for fields in ({}, {"endpoint": "prices"}, {"key": "abcdefgh"}, {"user": str(alice.pk)}, {"version": 2}):
        mirror.use(workspace, **fields)

    fold_usage()

    assert PredictionUsage.objects.count() == 5


def test_it_counts_against_the_quota_of_its_month(mirror: Mirror, workspace: Workspace) -> None:
    last_month = timezone.now().replace(day=1) - timedelta(days=2)
    mirror.use(workspace, predictions=5)
    mirror.use(workspace, predictions=7, minute=int(last_month.timestamp() // 60))

    fold_usage()

    status = next(status for status in quotas.overview(workspace) if status.kind == PREDICTIONS.name)
    assert status.used == 5
    assert Quota.objects.get(kind=PREDICTIONS.name, period=last_month.strftime("%Y-%m")).used == 7


def test_a_key_remembers_its_last_use(mirror: Mirror, workspace: Workspace, alice: User) -> None:
    key, _text = keys.create_key("k", workspace=workspace, user=alice, scopes=["predict"])
    now = int(timezone.now().timestamp() // 60)
    for minute in (now - 5, now - 60):
        mirror.use(workspace, key=key.id, minute=minute)
        fold_usage()

    key.refresh_from_db()
    assert key.last_used_at is not None
    assert int(key.last_used_at.timestamp() // 60) == now - 5


def test_folding_nothing_is_fine(mirror: Mirror, db: None) -> None:
    assert fold_usage() == 0


def test_a_crash_after_the_commit_counts_nothing_twice(
    mirror: Mirror, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.use(workspace)
    with monkeypatch.context() as crash:
        crash.setattr(streams, "_after", _die)
        with pytest.raises(SystemExit):
            fold_usage()
    assert mirror.redis.xlen(USAGE) == 1
    mirror.use(workspace)

    assert fold_usage() == 1

    assert PredictionUsage.objects.get().requests == 2
    assert mirror.redis.xlen(USAGE) == 0


def test_a_crash_before_the_commit_loses_nothing(
    mirror: Mirror, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.use(workspace)
    mirror.use(workspace, endpoint="prices")
    with monkeypatch.context() as crash:
        crash.setattr(folding, "_note_use", _die)
        with pytest.raises(SystemExit), transaction.atomic():
            fold_usage()
    assert PredictionUsage.objects.count() == 0

    fold_usage()

    assert sum(row.requests for row in PredictionUsage.objects.all()) == 2


def test_many_entries_are_folded_in_batches(
    mirror: Mirror, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BATCH", 10)
    for _ in range(25):
        mirror.use(workspace)

    assert fold_usage() == 25
    assert PredictionUsage.objects.get().requests == 25


def test_entries_that_cannot_be_read_are_left_out(mirror: Mirror, workspace: Workspace) -> None:
    mirror.use(workspace)
    for content in ({"usage": "{"}, {"other": "1"}, {"usage": "[]"}, {"usage": '{"workspace": "x"}'}):
        mirror.redis.xadd(USAGE, content)
    mirror.use(workspace, minute=10**15)
    mirror.redis.xadd(USAGE, {"usage": mirror.redis.xrange(USAGE)[0][1]["usage"].replace(str(workspace.pk), "nobody")})

    assert fold_usage() == 7

    assert PredictionUsage.objects.get().requests == 1
    assert mirror.redis.xlen(USAGE) == 0


def test_usage_of_a_deleted_workspace_is_left_out(mirror: Mirror, workspace: Workspace, charlie: User) -> None:
    gone = factories.make_workspace(charlie, "Gone")
    mirror.use(gone)
    gone.delete()

    fold_usage()

    assert PredictionUsage.objects.count() == 0


def _die(*_args: Any) -> Any:
    raise SystemExit
