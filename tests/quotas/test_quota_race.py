"""Many threads of many processes, one limit: exactly as many grants as it allows, and balanced books."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 50
START = "import django; django.setup(); from tests.quotas import racing; racing.main()"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", START, *arguments]


def environment(database_url: str, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url,
        "MODELYARD_TEST_HOME": str(home),
    }


def race(database_url: str, home: Path, *, processes: int, threads: int, tries: int) -> tuple[int, dict[str, int]]:
    """Run the race and return the grants that the racers counted, and what the books say."""
    variables = environment(database_url, home)
    subprocess.run(command("prepare"), env=variables, cwd=ROOT, check=True)
    racers = [
        subprocess.Popen(
            command("race", str(number), str(threads), str(tries)), env=variables, cwd=ROOT, stdout=subprocess.PIPE
        )
        for number in range(processes)
    ]
    said = [racer.communicate(timeout=300)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * processes
    books = subprocess.run(command("report"), env=variables, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return sum(json.loads(text)["granted"] for text in said), json.loads(books)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    server = os.environ.get("MODELYARD_TEST_POSTGRES", "")
    if not server:
        pytest.skip("MODELYARD_TEST_POSTGRES names no PostgreSQL server")
    name = f"modelyard_race_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{server.rsplit('/', 1)[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_limit_of_50_is_granted_exactly_50_times_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'race.sqlite3'}"
    granted, books = race(url, tmp_path, processes=3, threads=8, tries=10)
    assert granted == LIMIT
    assert books["used"] + books["reserved"] == books["entries"] == LIMIT
    assert books["wrong"] == 0


@pytest.mark.postgres
def test_a_limit_of_50_is_granted_exactly_50_times_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    granted, books = race(postgres_url, tmp_path, processes=3, threads=8, tries=10)
    assert granted == LIMIT
    assert books["used"] + books["reserved"] == books["entries"] == LIMIT
    assert books["wrong"] == 0
