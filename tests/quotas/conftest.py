"""The databases that processes race on."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.quotas.processes import Track


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def track(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Track]:
    """A database with a workspace of Alice and an operator, Olga: a file, or one on the PostgreSQL server."""
    if request.param == "sqlite":
        made = Track(database_url=f"sqlite:///{tmp_path / 'race.sqlite3'}", home=tmp_path)
        made.run("prepare")
        yield made
        return
    server = os.environ.get("MODELYARD_TEST_POSTGRES", "")
    if not server:
        pytest.skip("MODELYARD_TEST_POSTGRES names no PostgreSQL server")
    name = f"modelyard_race_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        made = Track(database_url=f"{server.rsplit('/', 1)[0]}/{name}", home=tmp_path)
        made.run("prepare")
        yield made
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
