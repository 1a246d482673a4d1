"""Every websocket address: only people of the workspace follow it, and only from our own pages."""

import asyncio

import pytest
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from modelyard.accounts.models import User, Workspace
from modelyard.asgi import application
from tests.artifacts import make_version as make_model
from tests.batches.making import make_batch
from tests.runs import making
from tests.web.access import WEBSOCKETS
from tests.web.world import PARAMETER

pytestmark = pytest.mark.django_db(transaction=True)
OURS = settings.ENVIRONMENT.public_url


@pytest.fixture
def addresses(workspace: Workspace, alice: User) -> list[str]:
    version = making.make_version(workspace, alice)
    batch = make_batch(make_model(workspace, alice), alice)
    values = {
        "version_id": str(version.pk),
        "run_id": str(making.make_run(version, alice).pk),
        "batch_id": str(batch.pk),
    }
    return ["/" + PARAMETER.sub(lambda found: values[found[1]], route) for route in WEBSOCKETS]


def accepted(addresses: list[str], user: User | None, origin: str | None) -> list[bool]:
    """Whether each address lets `user` in."""
    client = Client()
    if user is not None:
        client.force_login(user)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    headers = [(b"cookie", cookies.encode())] + ([(b"origin", origin.encode())] if origin else [])

    async def knock(address: str) -> bool:
        scope = {"type": "websocket", "path": address, "query_string": b"", "headers": headers, "subprotocols": []}
        connection = ApplicationCommunicator(application, scope)
        await connection.send_input({"type": "websocket.connect"})
        answer = await connection.receive_output(timeout=60)
        await connection.send_input({"type": "websocket.disconnect", "code": 1000})
        await connection.wait(timeout=60)
        return bool(answer["type"] == "websocket.accept")

    return [asyncio.run(knock(address)) for address in addresses]


def test_members_follow(addresses: list[str], alice: User, vera: User) -> None:
    assert accepted(addresses, vera, OURS) == [True] * len(WEBSOCKETS)


def test_visitors_and_outsiders_do_not(addresses: list[str], charlie: User, operator: User) -> None:
    for stranger in (None, charlie, operator):
        assert accepted(addresses, stranger, OURS) == [False] * len(WEBSOCKETS)


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://127.0.0.1.evil.example:8000"])
def test_nobody_follows_from_elsewhere(addresses: list[str], vera: User, origin: str | None) -> None:
    assert accepted(addresses, vera, origin) == [False] * len(WEBSOCKETS)


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", f"{OURS}:99999", "http://x:y", "http://\xff]", "]", ""])
def test_what_is_no_address_is_turned_away_without_a_fault(
    addresses: list[str], vera: User, origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert accepted(addresses[:1], vera, origin) == [False]
    assert not caplog.records


def test_a_member_without_the_second_factor_that_is_required_does_not_follow(
    addresses: list[str], vera: User, workspace: Workspace
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(second_factor=True)
    assert accepted(addresses, vera, OURS) == [False] * len(WEBSOCKETS)


def test_a_deactivated_member_does_not_follow(addresses: list[str], vera: User) -> None:
    User.objects.filter(pk=vera.pk).update(is_active=False)
    assert accepted(addresses, vera, OURS) == [False] * len(WEBSOCKETS)
