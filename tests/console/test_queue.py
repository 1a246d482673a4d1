"""What operators see and change of the queue."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User, Workspace
from modelyard.runs.models import Priority, QueueShare, TrainingRun
from modelyard.runs.services import claim_next
from tests.runs.making import make_run, make_version


@pytest.fixture
def console(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.fixture
def waiting(workspace: Workspace, alice: User) -> list[TrainingRun]:
    version = make_version(workspace, alice)
    return [make_run(version, alice, name=name) for name in ("first", "second", "third")]


def names_in_order(console: Client) -> list[str]:
    page = console.get(reverse("console:work")).content.decode()
    return re.findall(r"<strong class=\"wrap-anywhere\">(\w+)</strong>", page)


def test_the_queue_is_shown_in_its_order(console: Client, waiting: list[TrainingRun]) -> None:
    assert names_in_order(console) == ["first", "second", "third"]
    address = reverse("console:prioritise", args=[waiting[2].pk])
    assert console.post(address, {"priority": Priority.HIGH}).status_code == 302
    assert names_in_order(console) == ["third", "first", "second"]


@pytest.mark.parametrize("priority", ["", "2", "high", "NaN"])
def test_what_is_no_priority_changes_nothing(console: Client, waiting: list[TrainingRun], priority: str) -> None:
    address = reverse("console:prioritise", args=[waiting[2].pk])
    assert console.post(address, {"priority": priority}).status_code == 422
    assert not TrainingRun.objects.exclude(priority=Priority.NORMAL).exists()


def test_a_run_that_has_begun_meanwhile_is_left_alone(console: Client, waiting: list[TrainingRun]) -> None:
    claim_next("w")
    address = reverse("console:prioritise", args=[waiting[0].pk])
    assert console.post(address, {"priority": Priority.LOW}).status_code == 409


def test_a_share_is_changed_in_place(console: Client, workspace: Workspace) -> None:
    address = reverse("console:change_share", args=[workspace.pk])
    answer = console.post(address, {"percent": "250"}, headers={"HX-Request": "true"})
    assert b'value="250"' in answer.content
    assert b"<html" not in answer.content
    assert QueueShare.objects.get(workspace=workspace).percent == 250
    assert console.post(address, {"percent": "100"}).status_code == 302


@pytest.mark.parametrize("percent", ["", "9", "1001", "-1", "half"])
def test_an_impossible_share_changes_nothing(console: Client, workspace: Workspace, percent: str) -> None:
    address = reverse("console:change_share", args=[workspace.pk])
    answer = console.post(address, {"percent": percent}, headers={"HX-Request": "true"})
    assert b"field-error" in answer.content
    assert not QueueShare.objects.exists()


def test_members_change_neither(client: Client, alice: User, workspace: Workspace, waiting: list[TrainingRun]) -> None:
    client.force_login(alice)
    share = reverse("console:change_share", args=[workspace.pk])
    priority = reverse("console:prioritise", args=[waiting[2].pk])
    assert client.post(share, {"percent": "500"}).status_code == 404
    assert client.post(priority, {"priority": Priority.HIGH}).status_code == 404
    assert client.get(f"/api/v1/runs/{waiting[2].pk}").json()["queue_position"] == 3
