"""The operators' page of the audit log: who sees it, what it finds, what it says of the chain."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.audit.checking import verify_a_little
from modelyard.accounts.audit.guarding import lifted
from modelyard.accounts.audit.marking import sign
from modelyard.accounts.audit.sealing import seal_events
from modelyard.accounts.audit.verifying import Verification
from modelyard.accounts.models import AuditCheck, AuditEvent, Role, User, Workspace
from modelyard.accounts.services import record
from tests.factories import add_member

EXPORT = "console:audit_csv"


@pytest.fixture
def console(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def events(alice: User, workspace: Workspace, charlie: User) -> None:
    record("dataset.delete", "set-1", by=alice, workspace=workspace, name="=HYPERLINK(1)")
    record("key.create", "=cmd", by=charlie, workspace=charlie.memberships.get().workspace)
    at = datetime(2026, 3, 9, 23, 59, tzinfo=UTC)
    with lifted():
        AuditEvent.objects.filter(action="key.create").update(at=at, address="10.1.2.3")


def found(console: Client, **asked: str) -> set[str]:
    page = console.get(reverse("console:audit"), asked)
    assert page.status_code == 200
    return {event.action for event in page.context["events"]}


EVERYTHING = {"dataset.delete", "key.create"}


@pytest.mark.parametrize(
    ("asked", "actions"),
    [
        ({}, EVERYTHING),
        ({"person": "ALICE"}, {"dataset.delete"}),
        ({"person": "nobody"}, set()),
        ({"workspace": "elsewh"}, {"key.create"}),
        ({"subject": "SET-"}, {"dataset.delete"}),
        ({"address": "10.1."}, {"key.create"}),
        ({"action": "key.create"}, {"key.create"}),
        ({"until": "2026-03-09"}, {"key.create"}),
        ({"until": "2026-03-08"}, set()),
        ({"since": "2026-03-09"}, EVERYTHING),
        ({"since": "2026-03-10"}, {"dataset.delete"}),
        ({"since": "0001-01-01", "until": "9999-12-31"}, EVERYTHING),
        ({"q": "alice@"}, {"dataset.delete"}),
        ({"q": "10.1.2.3"}, {"key.create"}),
        ({"person": "alice", "action": "key.create"}, set()),
        ({"since": "yesterday"}, set()),
        ({"q": "\0"}, set()),
        ({"before": "0"}, set()),
        ({"before": "-1"}, EVERYTHING),
        ({"before": "9" * 30}, EVERYTHING),
    ],
)
@pytest.mark.usefixtures("events")
def test_every_field_narrows_what_is_found(console: Client, asked: dict[str, str], actions: set[str]) -> None:
    assert found(console, **asked) == actions


def test_somebody_who_is_gone_is_found_by_the_id_that_is_left(console: Client, events: None, charlie: User) -> None:
    gone = str(charlie.pk)
    charlie.delete()
    assert found(console, person=gone) == {"key.create"}
    assert gone in console.get(reverse("console:audit")).content.decode()


def test_pages_follow_one_another_without_gap_or_repeat(console: Client, db: None) -> None:
    for number in range(205):
        record("run.request", f"run-{number}", by=None, workspace=None)
    seen: list[str] = []
    query = "?action=run.request"
    for _page in range(3):
        page = console.get(reverse("console:audit") + query)
        seen += [event.subject for event in page.context["events"]]
        record("run.request", "in between", by=None, workspace=None)
        query = f"?action=run.request&before={page.context['older']}"
    assert seen == [f"run-{number}" for number in reversed(range(205))]
    assert page.context["older"] is None


def test_the_table_for_spreadsheets_has_what_was_found_and_no_formula(console: Client, events: None) -> None:
    answer = console.get(reverse(EXPORT), {"q": "=cmd"})
    assert re.search(r'attachment; filename="audit-.*\.csv"', answer.headers["Content-Disposition"])
    (row,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert row["subject"] == "'=cmd"
    assert row["at"] == "2026-03-09T23:59:00+00:00"
    assert row["address"] == "10.1.2.3"
    rows = list(csv.DictReader(io.StringIO(console.get(reverse(EXPORT)).content.decode())))
    assert [one["action"] for one in rows] == ["audit.export", "key.create", "dataset.delete"]
    assert AuditEvent.objects.filter(action="audit.export").count() == 2
    assert not [cell for one in rows for cell in one.values() if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("address", ["console:audit", EXPORT])
@pytest.mark.parametrize("role", list(Role))
def test_to_members_of_any_role_the_log_does_not_exist(
    client: Client, workspace: Workspace, charlie: User, address: str, role: Role
) -> None:
    add_member(workspace, charlie, role)
    assert client.get(reverse(address)).status_code == 302
    client.force_login(charlie)
    assert client.get(reverse(address)).status_code == 404
    assert not AuditEvent.objects.filter(action="audit.export").exists()


def say(console: Client) -> dict[str, Any]:
    said: dict[str, Any] = console.get(reverse("console:audit")).context["check"]
    return said


def test_the_page_says_whether_the_log_was_verified(console: Client, events: None) -> None:
    assert say(console)["tone"] == "warn"
    with lifted():
        AuditEvent.objects.filter(action="key.create").delete()
    seal_events()
    assert verify_a_little() is not None
    assert say(console)["tone"] == "good"
    check = AuditCheck.objects.get()
    check.at = timezone.now() - timedelta(days=3)
    check.mark = sign(f"modelyard audit check 1\n{check.at.isoformat()}\n{check.events}\n{check.head}\n{check.fault}")
    check.save()
    assert "lately" in say(console)["title"]
    with lifted():
        AuditEvent.objects.all().delete()
    assert Verification().run().fault
    assert verify_a_little() is not None
    said = say(console)
    assert (said["tone"], "was removed" in said["words"]) == ("bad", True)
