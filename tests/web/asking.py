"""Calling an address of the world as somebody, and taking back whatever that did."""

import dataclasses

import pytest
from django.conf import settings
from django.db import transaction
from django.test import Client

from modelyard.environment import SingleSignOn
from tests.web.world import World

PROVIDER = SingleSignOn(
    issuer="http://127.0.0.1:9", client_id="yard", client_secret="s", name="Nowhere", domains=frozenset(), sign_up=True
)


def name_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the installation have an identity provider, which nobody answers for."""
    with_provider = dataclasses.replace(settings.ENVIRONMENT, single_sign_on=PROVIDER)
    monkeypatch.setattr(settings, "ENVIRONMENT", with_provider)


def ask(client: Client, world: World, route: str, method: str, **headers: str) -> int:
    """Call an address and take back whatever that did, cookies too. To be sent to the sign-in is told as 401."""
    address = world.address(route) + world.queries.get(route, "")
    body, content_type = world.bodies.get(route, ""), "application/x-www-form-urlencoded"
    if route.startswith("api/"):
        body, content_type = body or "{}", "application/json"
    if route.startswith("api/v1/uploads"):
        headers = {**headers, "Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
        content_type = "application/offset+octet-stream" if method == "PATCH" else content_type
    client.raise_request_exception = False
    cookies = dict(client.cookies)
    with transaction.atomic():
        answer = client.generic(method, address, body, content_type, headers=headers)
        transaction.set_rollback(True)
    client.cookies.clear()
    client.cookies.update(cookies)
    if answer.status_code == 302 and answer.headers["Location"].startswith("/sign-in/?next="):
        return 401
    return int(answer.status_code)
