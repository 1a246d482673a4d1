"""Fixtures of the object store: a real server over HTTP, a bucket of its own for each test."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.objects.bucket import parse_bucket
from modelyard.objects.shelf import Shelf
from tests.objects.server import CREDENTIALS, Cloud, Relay, serving_s3
from tests.workers.conftest import installation, lab, owner, sqlite_url  # noqa: F401


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_s3(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def cloud(s3_server: str, credentials: None) -> Cloud:
    return Cloud(s3_server, f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def relay(s3_server: str) -> Iterator[Relay]:
    one = Relay(s3_server)
    yield one
    one.close()


@pytest.fixture
def here(cloud: Cloud, relay: Relay, tmp_path: Path) -> Shelf:
    """The copies of one machine, which reaches the store through the relay."""
    return Shelf(tmp_path / "here", parse_bucket(cloud.url(relay.endpoint)), 10**9)


@pytest.fixture
def there(cloud: Cloud, tmp_path: Path) -> Shelf:
    """Another machine: it shares nothing but the store."""
    return Shelf(tmp_path / "there", parse_bucket(cloud.url()), 10**9)
