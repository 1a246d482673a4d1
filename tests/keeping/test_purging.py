"""What was deleted from SQLite is in none of its files: pages are overwritten, the log of writes is emptied."""

import sqlite3
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from modelyard.keeping.purging import purge
from tests.workers.installation import connected_to

MARKER = "a text that must not stay"


@pytest.fixture
def database(tmp_path: Path, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Path:
    """A database with a row that was deleted, by the platform's own connection."""
    path = tmp_path / "yard.sqlite3"
    with django_db_blocker.unblock(), connected_to(f"sqlite:///{path}"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        cursor.executemany("INSERT INTO notes (text) VALUES (%s)", [(MARKER * 50,)] * 200)
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert found_in(path)
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notes").fetchone()
        cursor.execute("DELETE FROM notes")
        assert not purge(), "somebody still reads what was there before"
        reader.close()
        assert purge()
    return path


def found_in(path: Path) -> list[str]:
    """Those of the database's files that hold the marker."""
    return [file.name for file in path.parent.iterdir() if MARKER.encode() in file.read_bytes()]


def test_nothing_that_was_deleted_can_be_found(database: Path) -> None:
    assert found_in(database) == []
