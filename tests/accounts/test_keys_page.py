"""The page of keys."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts import keys
from modelyard.accounts.models import ApiKey, User, Workspace

PAGE = reverse("accounts:keys")


def make(client: Client, **changed: Any) -> Any:
    return client.post(PAGE, {"name": "Checkout", "scopes": ["predict"], "endpoints": "", "days": "90", **changed})


def secret_in(answer: Any) -> str:
    found = re.search(r"mdy_\w{8}_\w{38}", answer.content.decode())
    assert found is not None
    return found[0]


def test_a_key_is_made_and_shown_once(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    text = secret_in(make(client, endpoints="churn, wine-cultivar"))
    key = keys.find_key(text)
    assert key is not None
    assert (key.name, key.scopes, key.endpoints) == ("Checkout", ["predict"], ["churn", "wine-cultivar"])
    again = client.get(PAGE).content.decode()
    assert text not in again
    assert f"mdy_{key.id}_" in again


def test_the_form_is_filled_in_for_an_endpoint(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    assert b'value="churn"' in client.get(PAGE, {"endpoint": "churn"}).content
    assert b"{{" not in client.get(PAGE, {"endpoint": "<script>"}).content


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"scopes": []}, {"scopes": ["root"]}, {"endpoints": "../x"}, {"days": "0"}]
)
def test_a_form_with_a_mistake_makes_no_key(client: Client, alice: User, workspace: Workspace, change: Any) -> None:
    client.force_login(alice)
    assert make(client, **change).status_code == 422
    assert not ApiKey.objects.exists()


def test_an_editor_is_told_why_they_get_no_admin_key(client: Client, bob: User) -> None:
    client.force_login(bob)
    answer = make(client, scopes=["admin"])
    assert answer.status_code == 422
    assert b"needs the role Owner" in answer.content


def test_a_key_is_rotated_on_the_page(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    old = secret_in(make(client))
    key = keys.find_key(old)
    assert key is not None
    new = secret_in(client.post(reverse("accounts:rotate_key", args=[key.id]), {"overlap_hours": "0"}))
    assert keys.find_key(old) is None
    assert keys.find_key(new) is not None


def test_a_key_is_revoked_on_the_page(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    text = secret_in(make(client))
    client.post(reverse("accounts:revoke_key", args=[ApiKey.objects.get().id]))
    assert keys.find_key(text) is None


def test_members_see_their_own_keys_and_owners_all(
    client: Client, workspace: Workspace, alice: User, bob: User, vera: User
) -> None:
    for user in (bob, vera):
        keys.create_key(f"Key of {user.name}", workspace=workspace, user=user, scopes=["predict"])
    client.force_login(bob)
    page = client.get(PAGE).content.decode()
    assert "Key of Bob" in page
    assert "Key of Vera" not in page
    client.force_login(alice)
    assert "Key of Vera" in client.get(PAGE).content.decode()


def test_an_outsider_reaches_no_key(client: Client, workspace: Workspace, alice: User, charlie: User) -> None:
    key, text = keys.create_key("K", workspace=workspace, user=alice, scopes=["predict"])
    client.force_login(charlie)
    assert client.post(reverse("accounts:revoke_key", args=[key.id])).status_code == 404
    assert client.post(reverse("accounts:rotate_key", args=[key.id]), {"overlap_hours": "1"}).status_code == 404
    assert keys.find_key(text) is not None
