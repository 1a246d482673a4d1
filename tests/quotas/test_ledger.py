"""Reserving, committing, refunding, releasing; and what limits do."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.errors import InvalidInput, NotAllowed, QuotaExceeded
from modelyard.quotas import services
from modelyard.quotas.models import Quota, UsageEntry
from tests.quotas.books import assert_balanced, status


def test_a_reservation_counts_against_the_limit_until_it_is_committed(workspace: Workspace) -> None:
    services.reserve(workspace, "storage_bytes", 100, subject="upload:1")
    assert (status(workspace, "storage_bytes").used, status(workspace, "storage_bytes").reserved) == (0, 100)
    assert services.commit(workspace, "storage_bytes", subject="upload:1", amount=90)
    assert (status(workspace, "storage_bytes").used, status(workspace, "storage_bytes").reserved) == (90, 0)
    assert_balanced()


def test_more_than_is_left_is_refused_and_takes_nothing(workspace: Workspace, operator: User) -> None:
    services.set_limit(workspace, "storage_bytes", 1000, by=operator)
    services.reserve(workspace, "storage_bytes", 900, subject="upload:1")
    with pytest.raises(QuotaExceeded) as refusal:
        services.reserve(workspace, "storage_bytes", 101, subject="upload:2")
    assert refusal.value.kind == "storage_bytes"
    assert "101 B needed, 100 B of 1,000 B left" in refusal.value.message
    services.reserve(workspace, "storage_bytes", 100, subject="upload:3")
    assert status(workspace, "storage_bytes").left == 0
    assert_balanced()


@pytest.mark.parametrize("step", ["reserve", "commit", "refund", "release"])
def test_a_step_done_twice_counts_once(workspace: Workspace, step: str) -> None:
    kind, subject = "endpoints", "endpoint:1"
    steps = {
        "reserve": lambda: services.reserve(workspace, kind, 1, subject=subject),
        "commit": lambda: services.commit(workspace, kind, subject=subject, amount=1),
        "refund": lambda: services.refund(workspace, kind, subject=subject),
        "release": lambda: services.release(workspace, kind, subject=subject),
    }
    before = {"reserve": [], "commit": ["reserve"], "refund": ["reserve"], "release": ["reserve", "commit"]}
    for name in before[step]:
        steps[name]()
    steps[step]()
    once = status(workspace, kind)
    steps[step]()
    assert status(workspace, kind) == once
    assert_balanced()


def test_a_refunded_reservation_cannot_be_committed(workspace: Workspace) -> None:
    services.reserve(workspace, "training_seconds", 60, subject="run:1")
    services.refund(workspace, "training_seconds", subject="run:1")
    assert not services.commit(workspace, "training_seconds", subject="run:1", amount=60)
    assert status(workspace, "training_seconds").taken == 0


def test_a_refunded_subject_may_reserve_again(workspace: Workspace) -> None:
    services.reserve(workspace, "concurrent_runs", 1, subject="run:1")
    services.refund(workspace, "concurrent_runs", subject="run:1")
    services.reserve(workspace, "concurrent_runs", 1, subject="run:1")
    assert status(workspace, "concurrent_runs").reserved == 1
    assert_balanced()


def test_use_above_the_reservation_is_counted_as_it_was(workspace: Workspace, operator: User) -> None:
    services.set_limit(workspace, "training_seconds", 60, by=operator)
    services.reserve(workspace, "training_seconds", 60, subject="run:1")
    services.commit(workspace, "training_seconds", subject="run:1", amount=75)
    assert status(workspace, "training_seconds").used == 75
    assert status(workspace, "training_seconds").left == 0
    assert_balanced()


def test_what_is_released_can_be_taken_again(workspace: Workspace, operator: User) -> None:
    services.set_limit(workspace, "endpoints", 1, by=operator)
    services.reserve(workspace, "endpoints", 1, subject="endpoint:1")
    services.commit(workspace, "endpoints", subject="endpoint:1", amount=1)
    services.release(workspace, "endpoints", subject="endpoint:1")
    services.reserve(workspace, "endpoints", 1, subject="endpoint:2")
    assert_balanced()


def test_an_upload_deleted_on_its_way_gives_its_reservation_back(workspace: Workspace) -> None:
    services.reserve(workspace, "storage_bytes", 10, subject="upload:1")
    assert services.release(workspace, "storage_bytes", subject="upload:1")
    assert status(workspace, "storage_bytes").taken == 0


def test_what_a_month_used_up_cannot_be_released(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="stays used"):
        services.release(workspace, "training_seconds", subject="run:1")


@pytest.mark.parametrize("amount", [-1, 1.5, float("nan"), True, "1", 2**53 + 1, 10**30])
def test_an_impossible_amount_is_refused(workspace: Workspace, amount: object) -> None:
    with pytest.raises(InvalidInput):
        services.reserve(workspace, "storage_bytes", amount, subject="upload:1")  # type: ignore[arg-type]
    assert not UsageEntry.objects.exists()


def test_predictions_are_added_above_the_limit_too(workspace: Workspace, operator: User) -> None:
    services.set_limit(workspace, "predictions", 10, by=operator)
    services.add_used(workspace, "predictions", 8, subject="hour:1")
    services.add_used(workspace, "predictions", 8, subject="hour:1")
    assert status(workspace, "predictions").used == 16
    assert UsageEntry.objects.count() == 1
    assert_balanced()


def test_a_new_month_starts_at_nothing_with_the_limit_of_the_last(workspace: Workspace, operator: User) -> None:
    services.set_limit(workspace, "predictions", 10, by=operator)
    Quota.objects.update(period="2020-01", used=10)
    assert (status(workspace, "predictions").limit, status(workspace, "predictions").used) == (10, 0)
    services.add_used(workspace, "predictions", 1, subject="hour:1")
    assert (status(workspace, "predictions").limit, status(workspace, "predictions").used) == (10, 1)


def test_work_of_last_month_is_settled_in_the_books_of_last_month(workspace: Workspace) -> None:
    services.reserve(workspace, "training_seconds", 60, subject="run:1")
    Quota.objects.update(period="2020-01")
    services.commit(workspace, "training_seconds", subject="run:1", amount=50)
    assert Quota.objects.get().used == 50
    assert status(workspace, "training_seconds").used == 0
    assert_balanced()


def test_use_is_counted_in_the_month_it_happened(workspace: Workspace) -> None:
    services.add_used(workspace, "predictions", 5, subject="h", at=datetime(2024, 2, 29, 23, 59, tzinfo=UTC))
    assert Quota.objects.get().period == "2024-02"


def test_a_limit_below_what_is_used_blocks_new_work_only(workspace: Workspace, operator: User) -> None:
    services.reserve(workspace, "concurrent_runs", 3, subject="run:1")
    services.set_limit(workspace, "concurrent_runs", 1, by=operator)
    with pytest.raises(QuotaExceeded):
        services.reserve(workspace, "concurrent_runs", 1, subject="run:2")
    assert services.commit(workspace, "concurrent_runs", subject="run:1", amount=3)


def test_only_an_operator_changes_a_limit(workspace: Workspace, alice: User) -> None:
    with pytest.raises(NotAllowed):
        services.set_limit(workspace, "endpoints", 100, by=alice)


@pytest.mark.parametrize("limit", [-1, 2**53 + 1, True])
def test_an_impossible_limit_is_refused(workspace: Workspace, operator: User, limit: int) -> None:
    with pytest.raises(InvalidInput):
        services.set_limit(workspace, "endpoints", limit, by=operator)


def test_an_unknown_kind_of_quota_is_refused(workspace: Workspace, operator: User) -> None:
    with pytest.raises(InvalidInput):
        services.set_limit(workspace, "gold", 1, by=operator)


def test_a_changed_limit_leaves_a_witness(workspace: Workspace, operator: User) -> None:
    services.set_limit(workspace, "endpoints", 7, by=operator)
    event = AuditEvent.objects.get(action="quota.change")
    assert (event.actor, event.workspace, event.details) == (operator, workspace, {"before": 20, "after": 7})


def test_the_books_of_two_workspaces_do_not_mix(workspace: Workspace, charlie: User) -> None:
    other = charlie.memberships.get().workspace
    services.reserve(workspace, "endpoints", 1, subject="endpoint:1")
    services.reserve(other, "endpoints", 2, subject="endpoint:1")
    assert (status(workspace, "endpoints").reserved, status(other, "endpoints").reserved) == (1, 2)
    assert services.overviews([workspace, other])[other] == services.overview(other)


def test_the_audit_finds_a_counter_that_was_tampered_with(workspace: Workspace) -> None:
    services.reserve(workspace, "endpoints", 1, subject="endpoint:1")
    Quota.objects.update(used=5)
    (found,) = services.audit()
    assert (found.used, found.reserved) == (0, 1)


def test_the_command_tells_whether_the_books_balance(workspace: Workspace) -> None:
    services.reserve(workspace, "endpoints", 1, subject="endpoint:1")
    call_command("check_quotas", stdout=StringIO())
    Quota.objects.update(reserved=0)
    said = StringIO()
    with pytest.raises(CommandError, match="1 quotas differ"):
        call_command("check_quotas", stdout=said)
    assert "the ledger says 0 and 1" in said.getvalue()
