"""A full installation for reading, and places for empty ones. All are real: homes, databases, commands."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.keeping.yards import BACKUP_KEY, Yard, fresh_postgres
from tests.objects.conftest import cloud, credentials, s3_server  # noqa: F401
from tests.objects.server import CREDENTIALS, Cloud

Place = Callable[[str], Yard]


@dataclass(frozen=True)
class Full:
    """An installation with something in it, a key of it, and a backup."""

    yard: Yard
    key: str
    archive: Path
    report: str


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Full:
    """On SQLite and a folder; nobody changes it."""
    return fill(Yard(tmp_path_factory.mktemp("full") / "home", {"MODELYARD_BACKUP_KEY": BACKUP_KEY}))


def fill(yard: Yard, *, backed_up: bool = True) -> Full:
    (yard.home / "database").mkdir(parents=True)
    archive = yard.home.with_name(f"{yard.home.name}.backup")
    key, report = yard.ask("build", str(archive) if backed_up else "").split("\n")
    return Full(yard, key, archive, report)


@pytest.fixture
def empty(tmp_path: Path) -> Yard:
    return Yard(tmp_path / "empty", {"MODELYARD_BACKUP_KEY": BACKUP_KEY})


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres), "bucket", "encrypted"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Makes empty places for installations: on SQLite, on PostgreSQL, with an object store, with encrypted files."""
    with ExitStack() as stack:

        def make(name: str) -> Yard:
            variables = {"MODELYARD_BACKUP_KEY": BACKUP_KEY}
            if request.param == "postgres":
                variables["DATABASE_URL"] = stack.enter_context(fresh_postgres())
            if request.param == "encrypted":
                variables["MODELYARD_STORAGE_KEY"] = f"the-key-of-the-files-of-{name}-which-is-long"
            if request.param == "bucket":
                bucket: Cloud = request.getfixturevalue("cloud")
                variables |= {"MODELYARD_STORAGE_URL": bucket.url(prefix=name), **CREDENTIALS}
            return Yard(tmp_path / name, variables)

        yield make


@pytest.fixture
def copied(full: Full, tmp_path: Path) -> Path:
    """The backup of the full installation, to be damaged."""
    return Path(shutil.copy(full.archive, tmp_path / "copied.backup"))
