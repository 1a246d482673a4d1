"""Keys that keys ask for: never with more scopes, for more endpoints or for longer than the one that asks."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from modelyard.accounts import keys
from modelyard.accounts.models import ApiKey, User, Workspace

KEYS = "/api/v1/keys"
BOUND = {"scopes": ["admin", "predict"], "endpoints": ["churn", "prices"], "days": 30}


def make(workspace: Workspace, person: User, **wanted: Any) -> tuple[ApiKey, str]:
    return keys.create_key("K", workspace=workspace, user=person, **wanted)


@pytest.fixture
def bound(workspace: Workspace, alice: User) -> tuple[ApiKey, str]:
    """A key that manages keys, for two endpoints and a month."""
    return make(workspace, alice, **BOUND)


def post(client: Client, text: str, path: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {text}"}
    return client.post(path, json.dumps(body), "application/json", headers=headers)


@pytest.mark.parametrize(
    ("scopes", "endpoints", "days", "param"),
    [
        (["predict"], [], 30, "endpoints"),
        (["predict"], ["churn", "wages"], 30, "endpoints"),
        (["predict"], ["churn"], 31, "expires_in_days"),
        (["predict"], ["churn"], None, "expires_in_days"),
    ],
)
def test_a_key_makes_none_that_may_more_than_itself(
    client: Client, bound: tuple[ApiKey, str], scopes: list[str], endpoints: list[str], days: int | None, param: str
) -> None:
    body = {"name": "more", "scopes": scopes, "endpoints": endpoints, "expires_in_days": days}
    answer = post(client, bound[1], KEYS, body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, param)
    assert ApiKey.objects.count() == 1


def test_a_key_that_does_not_predict_makes_none_that_does(client: Client, workspace: Workspace, alice: User) -> None:
    _, text = make(workspace, alice, scopes=["admin"])
    answer = post(client, text, KEYS, {"name": "more", "scopes": ["predict", "read"]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "scopes")
    assert "got predict" in answer.json()["error"]["message"]


def test_a_key_makes_one_that_may_as_much_or_less(client: Client, bound: tuple[ApiKey, str]) -> None:
    body = {"name": "less", "scopes": ["predict", "write"], "endpoints": ["churn"], "expires_in_days": 29}
    assert post(client, bound[1], KEYS, body).status_code == 201


def test_a_session_makes_what_its_person_may(client: Client, alice: User, bound: tuple[ApiKey, str]) -> None:
    client.force_login(alice)
    body = {"name": "all", "scopes": ["admin", "predict"]}
    assert client.post(KEYS, json.dumps(body), "application/json").status_code == 201


@pytest.mark.parametrize(
    "wider", [{"scopes": ["predict"]}, {"scopes": ["predict"], "endpoints": ["churn", "wages"], "days": 1}]
)
def test_rotating_is_no_way_to_a_key_that_may_more(
    client: Client, workspace: Workspace, alice: User, bound: tuple[ApiKey, str], wider: dict[str, Any]
) -> None:
    other, text = make(workspace, alice, **wider)
    answer = post(client, bound[1], f"{KEYS}/{other.pk}/rotate", {"overlap_hours": 0})
    assert answer.status_code == 403
    assert keys.find_key(text) == other


@pytest.mark.parametrize("lifetime", [None, 300])
def test_the_successor_ends_with_the_key_that_asked(
    client: Client, workspace: Workspace, alice: User, bound: tuple[ApiKey, str], lifetime: int | None
) -> None:
    other, _ = make(workspace, alice, scopes=["read"], endpoints=["churn"], days=lifetime)
    made = post(client, bound[1], f"{KEYS}/{other.pk}/rotate", {})
    assert made.status_code == 201
    assert ApiKey.objects.get(pk=made.json()["id"]).expires_at == bound[0].expires_at


def test_a_key_that_rotates_itself_gets_no_longer_life(client: Client, bound: tuple[ApiKey, str]) -> None:
    key, text = bound
    ApiKey.objects.update(created_at=key.created_at - timedelta(days=20))
    made = post(client, text, f"{KEYS}/{key.pk}/rotate", {})
    assert made.status_code == 201
    assert ApiKey.objects.get(pk=made.json()["id"]).expires_at == key.expires_at
