"""Open pages follow the reading of a file over a websocket, as long as their person may."""

import json
from typing import Any
from uuid import UUID

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings
from django.test import Client

from modelyard import live, live_consumer
from modelyard.accounts.models import Membership, User, Workspace
from modelyard.asgi import application
from modelyard.datasets import services
from modelyard.datasets.models import DatasetVersion
from tests.datasets.conftest import csv_file

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(alice: User, workspace: Workspace) -> DatasetVersion:
    return services.create_dataset(workspace, "People", by=alice, file=csv_file()).versions.get()


def follow(client: Client, version: UUID, origin: str | None = None) -> ApplicationCommunicator:
    cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
    headers = [(b"origin", (origin or settings.ENVIRONMENT.public_url).encode())]
    if cookie is not None:
        headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={cookie.value}".encode()))
    path = f"/ws/dataset-versions/{version}/"
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
    return ApplicationCommunicator(application, scope)


async def connected(socket: ApplicationCommunicator) -> bool:
    await socket.send_input({"type": "websocket.connect"})
    answer = await socket.receive_output(timeout=60)
    return bool(answer["type"] == "websocket.accept")


async def hear(socket: ApplicationCommunicator) -> Any:
    return json.loads((await socket.receive_output(timeout=60))["text"])


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


async def tell(version: UUID, message: dict[str, Any]) -> None:
    await database_sync_to_async(live.publish)(f"version.{version}", message)


@pytest.mark.asyncio
async def test_a_member_hears_what_happens(vera: User, version: DatasetVersion) -> None:
    socket = follow(await database_sync_to_async(signed_in)(vera), version.pk)
    assert await connected(socket)
    await tell(version.pk, {"state": "ready"})
    assert await hear(socket) == {"state": "ready"}
    await socket.send_input({"type": "websocket.receive", "text": "not { json"})
    await tell(version.pk, {"state": "again"})
    assert await hear(socket) == {"state": "again"}
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(timeout=60)


@pytest.mark.asyncio
async def test_outsiders_visitors_and_other_sites_are_turned_away(
    alice: User, charlie: User, version: DatasetVersion
) -> None:
    outsider = await database_sync_to_async(signed_in)(charlie)
    member = await database_sync_to_async(signed_in)(alice)
    assert not await connected(follow(outsider, version.pk))
    assert not await connected(follow(Client(), version.pk))
    assert not await connected(follow(member, version.pk, origin="https://evil.example"))
    assert not await connected(follow(member, UUID(int=0)))


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["membership", "session", "account", "object"])
async def test_who_may_no_longer_see_it_stops_hearing(
    alice: User, vera: User, version: DatasetVersion, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(live_consumer, "RECHECK_SECONDS", 0.05)
    client = await database_sync_to_async(signed_in)(vera)
    socket = follow(client, version.pk)
    assert await connected(socket)

    def end() -> None:
        if how == "membership":
            Membership.objects.filter(user=vera).delete()
        elif how == "session":
            client.logout()
        elif how == "account":
            User.objects.filter(pk=vera.pk).update(is_active=False)
        else:
            services.delete_dataset(version.dataset, by=alice)

    await database_sync_to_async(end)()
    closed = await socket.receive_output(timeout=60)
    assert closed["type"] == "websocket.close"
    assert closed["code"] == live_consumer.FORBIDDEN
    await socket.send_input({"type": "websocket.disconnect", "code": closed["code"]})
    await socket.wait(timeout=60)
