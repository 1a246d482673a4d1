"""Quotas over the platform API."""

from django.test import Client

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.quotas import services


def test_every_limit_is_listed_with_what_stands_against_it(client: Client, workspace: Workspace, vera: User) -> None:
    services.reserve(workspace, "concurrent_runs", 1, subject="run:1")
    _, text = create_key("K", workspace=workspace, user=vera, scopes=["read"])
    answer = client.get("/api/v1/quotas", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 200
    by_kind = {quota["kind"]: quota for quota in answer.json()["results"]}
    assert by_kind["concurrent_runs"] == {
        "kind": "concurrent_runs",
        "title": "Runs at a time",
        "unit": "runs",
        "limit": 4,
        "used": 0,
        "reserved": 1,
        "left": 3,
        "period": "",
    }
    assert len(by_kind) == 6


def test_a_key_that_only_predicts_does_not_see_them(client: Client, workspace: Workspace, alice: User) -> None:
    _, text = create_key("K", workspace=workspace, user=alice, scopes=["predict"])
    assert client.get("/api/v1/quotas", headers={"Authorization": f"Bearer {text}"}).status_code == 403


def test_nobody_changes_a_quota_by_the_api(client: Client, workspace: Workspace, operator: User) -> None:
    client.force_login(operator)
    for method in ("post", "put", "patch", "delete"):
        assert getattr(client, method)("/api/v1/quotas", {"limit": 9}).status_code == 405
