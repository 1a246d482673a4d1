"""What members see of the use of their workspace."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.models import User, Workspace
from modelyard.endpoints.models import PredictionUsage


@pytest.fixture
def calls(workspace: Workspace, alice: User) -> None:
    PredictionUsage.objects.create(
        workspace=workspace,
        endpoint="churn",
        user=str(alice.pk),
        hour=timezone.now().replace(minute=0, second=0, microsecond=0),
        requests=7,
        predictions=4321,
        errors=2,
        seconds=0.7,
        latencies=[0] * 11,
    )


@pytest.mark.usefixtures("calls")
def test_members_see_limits_totals_and_who_used_what(client: Client, vera: User) -> None:
    client.force_login(vera)
    page = client.get(reverse("quotas:usage")).content.decode()
    for expected in ("Storage", "4,321", "churn", "Alice", "playground", "100 ms"):
        assert expected in page


@pytest.mark.usefixtures("calls")
def test_outsiders_see_nothing_of_it(client: Client, charlie: User) -> None:
    client.force_login(charlie)
    page = client.get(reverse("quotas:usage")).content.decode()
    assert "4,321" not in page
    assert "churn" not in page


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("grouping", ["day", "endpoint", "key", "user"])
def test_the_figures_are_exported(client: Client, alice: User, grouping: str) -> None:
    client.force_login(alice)
    answer = client.get(reverse("quotas:usage_csv", args=[grouping]), {"days": "7"})
    assert answer.headers["Content-Disposition"].startswith("attachment")
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (row["requests"], row["predictions"], row["errors"]) == ("7", "4321", "2")


def test_there_is_no_export_by_anything_else(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    assert client.get(reverse("quotas:usage_csv", args=["password"])).status_code == 404


def test_no_cell_is_a_formula(client: Client, alice: User, workspace: Workspace) -> None:
    PredictionUsage.objects.create(workspace=workspace, endpoint="=HYPERLINK(1)", hour=timezone.now(), requests=1)
    client.force_login(alice)
    content = client.get(reverse("quotas:usage_csv", args=["endpoint"])).getvalue().decode()
    assert "'=HYPERLINK(1)" in content
    assert "\n=" not in content


@pytest.mark.parametrize("days", ["", "0", "-1", "1000000", "x"])
def test_an_odd_period_means_thirty_days(client: Client, alice: User, workspace: Workspace, days: str) -> None:
    client.force_login(alice)
    answer: Any = client.get(reverse("quotas:usage"), {"days": days})
    assert answer.context["period"].days == 30
