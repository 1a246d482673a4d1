"""Fixtures of the worker tests: real Celery processes on a database file and a real Redis."""

import dataclasses
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from pytest_django.plugin import DjangoDbBlocker

from modelyard import jobs, redis_connection
from modelyard.accounts.models import User, Workspace
from modelyard.runs.models import TrainingRun
from tests import factories
from tests.serving.own_redis import OwnRedis
from tests.workers.installation import LEASE_SECONDS, Installation, connected_to


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> str:
    folder = tmp_path_factory.mktemp("installation")
    url = f"sqlite:///{folder / 'modelyard.sqlite3'}"
    Installation(folder, url, redis_server).manage("migrate", "--run-syncdb", "--skip-checks", "-v", "0")
    return url


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Iterator[str]:
    server = os.environ.get("MODELYARD_TEST_POSTGRES", "")
    if not server:
        pytest.skip("MODELYARD_TEST_POSTGRES names no server")
    name = f"modelyard_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        url = server.rsplit("/", 1)[0] + f"/{name}"
        Installation(tmp_path_factory.mktemp("postgres"), url, redis_server).manage(
            "migrate", "--run-syncdb", "--skip-checks", "-v", "0"
        )
        yield url
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def installation(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    redis_server: str,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installation]:
    """An installation whose database this test reads and writes too; its workers are killed afterwards."""
    url = request.getfixturevalue(f"{request.param}_url")
    with django_db_blocker.unblock(), installed(Installation(tmp_path, url, redis_server), monkeypatch) as one:
        one.redis.flushdb()
        yield one
        one.redis.flushdb()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.kill()


@pytest.fixture
def installation_with_own_redis(
    sqlite_url: str,
    tmp_path: Path,
    own_redis: OwnRedis,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installation]:
    """An installation whose Redis may be killed."""
    with django_db_blocker.unblock(), installed(Installation(tmp_path, sqlite_url, own_redis.url), monkeypatch) as one:
        yield one


@contextmanager
def installed(one: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """Let this process use what the processes of an installation use."""
    changed = dataclasses.replace(
        settings.ENVIRONMENT, redis_url=one.redis_url, lease_seconds=LEASE_SECONDS, heartbeat_seconds=1
    )
    monkeypatch.setattr(settings, "ENVIRONMENT", changed)
    redis_connection.redis.cache_clear()
    jobs.sender.cache_clear()
    with connected_to(one.url):
        TrainingRun.objects.all().delete()
        yield one
        one.stop()
    redis_connection.redis.cache_clear()
    jobs.sender.cache_clear()


@pytest.fixture
def owner(request: pytest.FixtureRequest) -> User:
    """Somebody of the installation that the test uses."""
    with_own_redis = "installation_with_own_redis" in request.fixturenames
    request.getfixturevalue("installation_with_own_redis" if with_own_redis else "installation")
    return factories.make_user(f"owner-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def lab(owner: User) -> Workspace:
    return factories.make_workspace(owner)
