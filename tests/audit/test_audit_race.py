"""Many threads of many processes write while others seal, on both databases; and an old log becomes a chain."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
START = "import django; django.setup(); from tests.audit import racing; racing.main()"
WRITERS, THREADS, TIMES = 3, 4, 10
KEPT = WRITERS * THREADS * TIMES * 4 // 5
PATIENCE = 400


class Place:
    """A database and a home; its acts run in processes of their own."""

    def __init__(self, database_url: str, home: Path) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": database_url,
            "MODELYARD_TEST_HOME": str(home),
        }

    def start(self, *arguments: object) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", START, *(str(one) for one in arguments)]
        return subprocess.Popen(command, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE)

    def act(self, *arguments: object) -> str:
        process = self.start(*arguments)
        said = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 0
        return said.decode()

    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.act("report"))
        return found


def postgres_url() -> Iterator[str]:
    server = os.environ.get("MODELYARD_TEST_POSTGRES", "")
    if not server:
        pytest.skip("MODELYARD_TEST_POSTGRES names no PostgreSQL server")
    name = f"modelyard_audit_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.rsplit('/', 1)[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        yield Place(f"sqlite:///{tmp_path / 'audit.sqlite3'}", tmp_path)
        return
    for url in postgres_url():
        yield Place(url, tmp_path)


def test_every_committed_event_gets_one_place_however_many_write_and_seal(place: Place) -> None:
    place.act("prepare")
    racing = [place.start("write", f"writer-{number}", THREADS, TIMES) for number in range(WRITERS)]
    racing += [place.start("seal", KEPT) for _each in range(2)]
    for process in racing:
        process.communicate(timeout=PATIENCE)
    assert [process.returncode for process in racing] == [0] * len(racing)
    place.act("seal", KEPT)
    assert place.report() == {"events": KEPT, "checked": KEPT, "waiting": 0, "fault": "", "pinned": True}


def test_a_log_from_before_becomes_a_chain(place: Place) -> None:
    place.act("upgrade", 1201)
    assert place.report() == {"events": 1201, "checked": 1201, "waiting": 0, "fault": "", "pinned": False}
    place.act("seal", 1201)
    assert place.report()["pinned"]


@pytest.mark.postgres
def test_an_event_that_is_committed_late_gets_a_later_place(tmp_path: Path) -> None:
    """On PostgreSQL, where a transaction holds up no other."""
    for url in postgres_url():
        place = Place(url, tmp_path)
        place.act("prepare")
        place.act("late")
        assert place.report() == {"events": 2, "checked": 2, "waiting": 0, "fault": "", "pinned": True}


@pytest.mark.postgres
def test_everything_holds_on_postgresql_too(tmp_path: Path) -> None:
    """The tests of tampering and of the triggers, on the other database."""
    for url in postgres_url():
        command = [sys.executable, "-m", "pytest", "tests/audit/test_chain.py", "-q", "--create-db"]
        ran = subprocess.run(
            command,
            env=Place(url, tmp_path).environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
        assert ran.returncode == 0, ran.stdout.decode()[-4000:]
