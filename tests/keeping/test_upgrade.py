"""A database of each former release, with data in it, is brought up to this one, and everything still reads."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.keeping.older import RELEASES
from tests.keeping.yards import Yard, fresh_postgres

START = "import django; django.setup(); from tests.keeping import older; older.main()"


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> tuple[Yard, Path, str, str]:
    """An installation of today, its rows in a file, a key of it, and a report."""
    home = tmp_path_factory.mktemp("today") / "home"
    (home / "database").mkdir(parents=True)
    variables = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "MODELYARD_TEST_HOME": str(home),
        "REDIS_URL": redis_server,
    }
    yard = Yard(home, variables)
    rows = home / "rows"
    done = yard.run("-c", START, "make", str(rows))
    assert done.returncode == 0, done.stderr
    key, report = done.stdout.strip().split("\n")
    return yard, rows, key, report


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with ExitStack() as stack:
        local = request.param == "sqlite"
        yield f"sqlite:///{tmp_path / 'older.sqlite3'}" if local else stack.enter_context(fresh_postgres())


@pytest.mark.parametrize("release", RELEASES)
def test_what_a_former_release_kept_reads_as_before(
    release: str, database: str, today: tuple[Yard, Path, str, str]
) -> None:
    yard, rows, key, report = today
    older = Yard(yard.home, {**yard.variables, "DATABASE_URL": database})
    done = older.run("-c", START, "upgrade", str(rows), release, key)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == json.loads(report)
