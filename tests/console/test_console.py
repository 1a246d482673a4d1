"""The operators' console: who sees it, what it shows, what it changes."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.accounts.services import record
from modelyard.quotas import services as quotas
from modelyard.runs.models import RunState, TrainingRun, Worker
from tests.artifacts import make_version
from tests.batches.making import make_batch
from tests.quotas.books import status

PAGES = ["overview", "people", "workspaces", "quotas", "work", "workers", "audit"]


@pytest.fixture
def console(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def run(workspace: Workspace, alice: User) -> TrainingRun:
    return TrainingRun.objects.create(
        workspace=workspace, name="Churn, first try", model_template="tabular_classifier", plan={}, created_by=alice
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.usefixtures("redis", "workspace", "run")
def test_operators_see_every_page(console: Client, page: str) -> None:
    assert console.get(reverse(f"console:{page}")).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_to_others_the_console_does_not_exist(client: Client, alice: User, workspace: Workspace, page: str) -> None:
    assert client.get(reverse(f"console:{page}")).status_code == 302
    client.force_login(alice)
    assert client.get(reverse(f"console:{page}")).status_code == 404


def test_the_overview_says_what_does_not_work(console: Client, monkeypatch: pytest.MonkeyPatch, redis: Any) -> None:
    page = console.get(reverse("console:overview")).content.decode()
    assert "No worker is running" in page
    monkeypatch.setattr(redis.connection_pool, "connection_kwargs", {"host": "127.0.0.1", "port": 1})
    redis.connection_pool.reset()
    assert "Redis does not answer" in console.get(reverse("console:overview")).content.decode()


def test_a_chart_of_nothing_has_days_all_the_same(console: Client, redis: Any) -> None:
    page = console.get(reverse("console:overview"))
    (series,) = page.context["predictions_chart"]["series"]
    days = [day for day, _count in series["points"]]
    assert timezone.now().date().isoformat() in days
    assert {count for _day, count in series["points"]} == {0}


def test_people_are_found_and_deactivated(console: Client, alice: User, workspace: Workspace, charlie: User) -> None:
    page = console.get(reverse("console:people"), {"q": "ALICE"}).content.decode()
    assert alice.email in page
    assert charlie.email not in page
    console.post(reverse("console:change_person", args=[alice.pk]), {"act": "deactivate"})
    alice.refresh_from_db()
    assert not alice.is_active
    assert AuditEvent.objects.filter(action="person.deactivate", subject=str(alice.pk)).exists()


def test_a_person_becomes_an_operator_and_no_longer_one(console: Client, alice: User) -> None:
    address = reverse("console:change_person", args=[alice.pk])
    console.post(address, {"act": "make_operator"})
    alice.refresh_from_db()
    assert alice.is_staff
    console.post(address, {"act": "end_operator"})
    alice.refresh_from_db()
    assert not alice.is_staff
    assert console.post(address, {"act": "crown"}).status_code == 422


def test_operators_do_not_change_themselves(console: Client, operator: User) -> None:
    address = reverse("console:change_person", args=[operator.pk])
    for act in ("deactivate", "end_operator"):
        assert console.post(address, {"act": act}).status_code == 403
    operator.refresh_from_db()
    assert operator.is_active
    assert operator.is_staff


def change_limit(console: Client, workspace: Workspace, kind: str, limit: str, **headers: str) -> Any:
    address = reverse("console:change_limit", args=[workspace.pk, kind])
    return console.post(address, {"limit": limit}, headers=headers)


def test_a_limit_is_changed_in_place_and_works_at_once(console: Client, workspace: Workspace) -> None:
    quotas.reserve(workspace, "storage_bytes", 1024**3, subject="upload:1")
    answer = change_limit(console, workspace, "storage_bytes", "2.5", **{"HX-Request": "true"})
    assert answer.status_code == 200
    assert b'value="2.5"' in answer.content
    assert b"<html" not in answer.content
    assert status(workspace, "storage_bytes").limit == int(2.5 * 1024**3)
    assert change_limit(console, workspace, "training_seconds", "1").status_code == 302
    assert status(workspace, "training_seconds").limit == 3600


@pytest.mark.parametrize("limit", ["", "-1", "many", "NaN", "Infinity", "1e99", "9" * 19])
def test_a_limit_that_is_no_number_changes_nothing(console: Client, workspace: Workspace, limit: str) -> None:
    answer = change_limit(console, workspace, "endpoints", limit, **{"HX-Request": "true"})
    assert b"field-error" in answer.content
    assert status(workspace, "endpoints").limit == 20


def test_a_limit_of_an_unknown_kind_or_workspace_is_not_found(console: Client, workspace: Workspace) -> None:
    assert change_limit(console, workspace, "gold", "1").status_code == 404
    nowhere = reverse("console:change_limit", args=[uuid4(), "endpoints"])
    assert console.post(nowhere, {"limit": "1"}).status_code == 404


def test_a_member_cannot_change_a_limit(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    assert change_limit(client, workspace, "endpoints", "1000").status_code == 404
    assert status(workspace, "endpoints").limit == 20


def test_the_quotas_show_what_is_used_of_every_workspace(console: Client, workspace: Workspace, charlie: User) -> None:
    quotas.reserve(workspace, "endpoints", 3, subject="endpoint:1")
    quotas.commit(workspace, "endpoints", subject="endpoint:1", amount=3)
    page = console.get(reverse("console:quotas")).content.decode()
    assert "Lab" in page
    assert "Elsewhere" in page
    found = console.get(reverse("console:quotas"), {"q": "alice@"}).content.decode()
    assert "Elsewhere" not in found
    assert "<strong>3</strong>" in found


def test_books_that_do_not_balance_are_shown(console: Client, workspace: Workspace) -> None:
    quotas.reserve(workspace, "endpoints", 1, subject="endpoint:1")
    workspace.quotas.update(used=5)
    assert "The books do not balance" in console.get(reverse("console:quotas")).content.decode()


def test_an_operator_sees_and_cancels_files_of_others(
    console: Client, workspace: Workspace, alice: User, redis: Any
) -> None:
    batch = make_batch(make_version(workspace, alice), alice)
    assert "people.csv" in console.get("/admin/work/").content.decode()
    console.post(f"/admin/work/batches/{batch.pk}/cancel/")
    batch.refresh_from_db()
    assert batch.state == "cancelled"
    assert AuditEvent.objects.get(action="batch.cancel").actor == User.objects.get(is_staff=True)


def test_an_operator_cancels_a_run_of_others(console: Client, run: TrainingRun, redis: Any) -> None:
    assert "Churn, first try" in console.get(reverse("console:work")).content.decode()
    assert console.post(reverse("console:cancel_run", args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert AuditEvent.objects.filter(action="run.cancel").exists()


def test_the_changing_part_of_the_work_comes_alone(console: Client, run: TrainingRun) -> None:
    answer = console.get(reverse("console:work"), headers={"HX-Request": "true"})
    assert b"Churn, first try" in answer.content
    assert b"<html" not in answer.content


def test_workers_that_are_not_heard_of_are_marked(console: Client, run: TrainingRun) -> None:
    now = timezone.now()
    Worker.objects.create(name="near", queues=["train"], device={"name": "CPU"}, started_at=now, seen_at=now, run=run)
    Worker.objects.create(name="far", queues=["ingest"], started_at=now, seen_at=now - timedelta(hours=1))
    page = console.get(reverse("console:workers")).content.decode()
    assert page.index("near") < page.index("Training") < page.index("far") < page.index("Not heard of")


def test_the_audit_log_is_searched(console: Client, alice: User, workspace: Workspace) -> None:
    record("dataset.delete", "set-1", by=alice, workspace=workspace, name="<b>bold</b>")
    record("key.create", "key-1", by=None, workspace=None)
    page = console.get(reverse("console:audit"), {"q": "alice@"}).content.decode()
    assert "set-1" in page
    assert "key-1" not in page
    assert "<b>bold</b>" not in page
    assert "set-1" not in console.get(reverse("console:audit"), {"action": "key.create"}).content.decode()
