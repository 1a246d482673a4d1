"""Keys over the platform API, and what an API key may do there at all."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from modelyard.accounts import keys
from modelyard.accounts.models import ApiKey, Role, User, Workspace
from tests.factories import add_member

KEYS = "/api/v1/keys"
WANTED = {"name": "Made by API", "scopes": ["read"], "expires_in_days": 7}


@pytest.fixture
def texts(workspace: Workspace, alice: User) -> dict[str, str]:
    """A key of Alice's for each scope."""
    return {scope: keys.create_key(scope, workspace=workspace, user=alice, scopes=[scope])[1] for scope in keys.SCOPES}


def call(client: Client, method: str, path: str, key: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    return client.generic(
        method, path, b"" if body is None else json.dumps(body).encode(), "application/json", headers=headers
    )


def test_an_admin_key_makes_lists_rotates_and_revokes_keys(client: Client, texts: dict[str, str]) -> None:
    admin = texts["admin"]
    made = call(client, "POST", KEYS, admin, WANTED)
    assert made.status_code == 201
    text = made.json()["key"]
    assert keys.find_key(text) is not None
    listed = call(client, "GET", KEYS, admin).json()
    assert made.json()["id"] in [key["id"] for key in listed["results"]]
    assert all("key" not in key and "digest" not in key for key in listed["results"])
    rotated = call(client, "POST", f"{KEYS}/{made.json()['id']}/rotate", admin, {"overlap_hours": 0})
    assert rotated.status_code == 201
    assert keys.find_key(text) is None
    assert call(client, "DELETE", f"{KEYS}/{rotated.json()['id']}", admin).status_code == 204
    assert keys.find_key(rotated.json()["key"]) is None


@pytest.mark.parametrize("scope", ["predict", "read", "write"])
def test_a_key_without_the_admin_scope_manages_no_keys(client: Client, texts: dict[str, str], scope: str) -> None:
    for method, path, body in (("GET", KEYS, None), ("POST", KEYS, WANTED), ("DELETE", f"{KEYS}/abcdefgh", None)):
        answer = call(client, method, path, texts[scope], body)
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "missing_scope"


def test_an_admin_key_is_worth_no_more_than_the_role_of_its_person(
    client: Client, texts: dict[str, str], alice: User, workspace: Workspace, bob: User
) -> None:
    add_member(workspace, User.objects.create_user("second@example.com"), Role.OWNER)
    alice.memberships.update(role=Role.VIEWER)
    theirs, _ = keys.create_key("Bob's", workspace=workspace, user=bob, scopes=["predict"])
    assert call(client, "DELETE", f"{KEYS}/{theirs.id}", texts["admin"]).status_code == 404
    refused = call(client, "POST", KEYS, texts["admin"], {**WANTED, "scopes": ["admin"]})
    assert refused.status_code == 403


def test_a_session_manages_keys_and_needs_the_csrf_token(alice: User, workspace: Workspace) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get(KEYS).status_code == 200
    refused = client.post(KEYS, WANTED, content_type="application/json")
    assert refused.status_code == 403
    client.get("/settings/")
    token = client.cookies["csrftoken"].value
    made = client.post(KEYS, WANTED, content_type="application/json", headers={"X-CSRFToken": token})
    assert made.status_code == 201


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": 5 * ["x"]}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes.0"),
        ({"scopes": "predict"}, "scopes"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"expires_in_days": 1e400}, None),
        ({"endpoints": ["../x"]}, "endpoints"),
    ],
)
def test_a_mistake_is_named(client: Client, texts: dict[str, str], change: Any, param: str | None) -> None:
    answer = call(client, "POST", KEYS, texts["admin"], {**WANTED, **change})
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["param"] == param


def test_nothing_else_can_be_written_into_a_key(client: Client, texts: dict[str, str], bob: User) -> None:
    extra = {"user": bob.email, "user_id": str(bob.pk), "digest": "0" * 64, "id": "abcdefgh", "revoked_at": None}
    made = call(client, "POST", KEYS, texts["admin"], {**WANTED, **extra}).json()
    key = ApiKey.objects.get(pk=made["id"])
    assert (key.user.email, key.id != "abcdefgh", key.digest != "0" * 64) == ("alice@example.com", True, True)


def test_a_repeated_request_makes_one_key_and_keeps_no_secret(client: Client, texts: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {texts['admin']}", "Idempotency-Key": "one"}
    first = client.post(KEYS, WANTED, content_type="application/json", headers=headers)
    again = client.post(KEYS, WANTED, content_type="application/json", headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {**first.json(), "key": None}


def test_ended_keys_get_a_401_that_says_why(client: Client, texts: dict[str, str]) -> None:
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = call(client, "GET", "/api/v1/quotas", texts["read"])
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_key"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    typo = call(client, "GET", "/api/v1/quotas", texts["read"][:-1])
    assert typo.json()["error"]["code"] == "malformed_key"


def test_a_key_is_taken_from_headers_only(client: Client, texts: dict[str, str]) -> None:
    assert client.get("/api/v1/quotas", headers={"X-API-Key": texts["read"]}).status_code == 200
    for name in ("key", "api_key", "token"):
        assert client.get("/api/v1/quotas", {name: texts["read"]}).status_code == 401
    client.cookies["key"] = texts["read"]
    assert client.get("/api/v1/quotas").status_code == 401


def test_a_key_opens_no_page(client: Client, texts: dict[str, str]) -> None:
    assert client.get("/settings/", headers={"Authorization": f"Bearer {texts['admin']}"}).status_code == 302


def test_the_last_use_of_a_key_is_noted(client: Client, texts: dict[str, str]) -> None:
    assert call(client, "GET", "/api/v1/quotas", texts["read"]).status_code == 200
    assert ApiKey.objects.get(name="read").last_used_at is not None
