"""Installations of their own, which tests may hurt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.yard import QUICK, Yard
from tests.serving.own_redis import OwnRedis
from tests.web_server import start_web


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.kill()


@pytest.fixture
def yard(own_redis: OwnRedis, tmp_path: Path) -> Iterator[Yard]:
    """A web with a database and a Redis of its own; the test starts what else it needs."""
    with start_web(tmp_path / "home", own_redis.url, **QUICK) as web:
        yard = Yard(web, tmp_path)
        yield yard
        yard.stop()
