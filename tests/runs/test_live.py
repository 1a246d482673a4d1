"""An open page of a run hears of changes; an outsider's does not."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.test import Client

from modelyard.accounts.models import User
from modelyard.asgi import application
from modelyard.contracts.progress import Progress
from modelyard.runs import services
from modelyard.runs.models import TrainingRun
from tests.runs.test_holding import claim

pytestmark = pytest.mark.django_db(transaction=True)


def open_page(user: User, run: TrainingRun) -> ApplicationCommunicator:
    """What the browser of `user` does on the page of `run`."""
    client = Client()
    client.force_login(user)
    cookie = f"sessionid={client.cookies['sessionid'].value}".encode()
    origin = settings.ENVIRONMENT.public_url.encode()
    headers = [(b"cookie", cookie), (b"origin", origin), (b"host", b"localhost")]
    path = f"/ws/runs/{run.pk}/"
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers, "subprotocols": []}
    return ApplicationCommunicator(application, scope)


def follow(user: User, run: TrainingRun, act: Callable[[], object]) -> list[Any]:
    """What a page hears when `act` is done after it was opened; nothing where it is not let in."""

    async def script() -> list[Any]:
        page = await sync_to_async(open_page)(user, run)
        await page.send_input({"type": "websocket.connect"})
        answer = await page.receive_output(timeout=60)
        if answer["type"] != "websocket.accept":
            return []
        await sync_to_async(act)()
        heard = await page.receive_output(timeout=60)
        await page.send_input({"type": "websocket.disconnect", "code": 1000})
        await page.wait(timeout=60)
        return [json.loads(heard["text"])]

    return asyncio.run(script())


def test_a_member_hears_of_progress(alice: User, run: TrainingRun) -> None:
    held = claim(run)
    heard = follow(alice, run, lambda: services.record_progress(held, Progress(event="epoch", epoch=1, metrics={})))
    assert heard == [{"run": str(run.pk), "events": ["epoch"]}]


def test_an_outsider_is_not_let_in(charlie: User, run: TrainingRun) -> None:
    assert follow(charlie, run, lambda: None) == []
