"""The database as it is at one moment, while others go on writing; and putting it back into an empty one.

SQLite: its online backup takes all pages in one read transaction. PostgreSQL: one repeatable-read transaction reads
every table with COPY, so that neither a client program nor its version matters.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from modelyard.contracts.crash_points import reach
from modelyard.keeping.archive import Archive, ArchiveWriter, BadArchive

SQLITE, POSTGRESQL = "sqlite", "postgresql"
DATABASE, TABLES = "database.sqlite3", "tables/"
FILLED_BY_MIGRATING = ("django_migrations", "auth_permission", "django_content_type")
MIGRATIONS = "SELECT app, name FROM django_migrations ORDER BY id"


class Snapshot(Protocol):
    """One moment of the database."""

    def fetch(self, sql: str) -> list[Sequence[Any]]:
        """What the database held at that moment."""

    def add_to(self, archive: ArchiveWriter) -> dict[str, list[str]]:
        """Put everything into the archive; returns the columns of each table, nothing where a file says it all."""


@contextmanager
def taking(scratch: Path) -> Iterator[Snapshot]:
    """Take a snapshot; `scratch` is a folder of ours on a disk with room for the database."""
    if connection.vendor == SQLITE:
        yield _SqliteSnapshot(scratch / DATABASE)
        return
    snapshot = _PostgresSnapshot(scratch)
    try:
        yield snapshot
    finally:
        snapshot.close()


class _SqliteSnapshot:
    def __init__(self, path: Path) -> None:
        self._path = path
        source = sqlite3.connect(connection.settings_dict["NAME"])
        target = sqlite3.connect(path)
        try:
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
            fault = target.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            source.close()
            target.close()
        if fault != "ok":
            raise BadArchive(f"the database is damaged, so it is not backed up: {fault}")

    def fetch(self, sql: str) -> list[Sequence[Any]]:
        opened = sqlite3.connect(self._path)
        try:
            return opened.execute(sql).fetchall()
        finally:
            opened.close()

    def add_to(self, archive: ArchiveWriter) -> dict[str, list[str]]:
        archive.add_file(DATABASE, self._path)
        return {}


class _PostgresSnapshot:
    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._connection = connections.create_connection("default")
        self._cursor = self._connection.cursor()
        self._cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")

    def close(self) -> None:
        self._connection.close()

    def fetch(self, sql: str) -> list[Sequence[Any]]:
        self._cursor.execute(sql)
        return list(self._cursor.fetchall())

    def add_to(self, archive: ArchiveWriter) -> dict[str, list[str]]:
        tables = {}
        for table in sorted(self._connection.introspection.table_names(self._cursor)):
            found = self._connection.introspection.get_table_description(self._cursor, table)
            tables[table] = [column.name for column in found]
            path = self._scratch / "table"
            with path.open("wb") as file, self._cursor.copy(f"COPY {_listed(table, tables[table])} TO STDOUT") as rows:
                for piece in rows:
                    file.write(piece)
            archive.add_file(TABLES + table, path)
            path.unlink()
        return tables


def fetch_now(sql: str) -> list[Sequence[Any]]:
    """What the database holds now."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def list_migrations(snapshot: Snapshot) -> list[str]:
    return [f"{app}.{name}" for app, name in snapshot.fetch(MIGRATIONS)]


def unknown_migrations(migrations: Sequence[str]) -> list[str]:
    """Those that this release has not: a newer one made them."""
    known = {f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).disk_migrations}
    ours = {config.label for config in apps.get_app_configs()}
    return [name for name in migrations if name.split(".")[0] in ours and name not in known]


def holds_anything() -> bool:
    """Whether the database has been used: it has people."""
    if connection.vendor == SQLITE:
        path = Path(connection.settings_dict["NAME"])
        return path.exists() and path.stat().st_size > 0
    with connection.cursor() as cursor:
        if "accounts_user" not in connection.introspection.table_names(cursor):
            return False
        cursor.execute("SELECT 1 FROM accounts_user LIMIT 1")
        return cursor.fetchone() is not None


@contextmanager
def loading(archive: Archive, scratch: Path) -> Iterator[None]:
    """Have the archive's database, brought up to this release, as the default connection; it is in place afterwards.

    Whatever fails in the block leaves the real database as empty as it was.
    """
    if connection.vendor == SQLITE:
        with _loading_sqlite(archive, scratch / DATABASE):
            yield
    else:
        with _loading_postgres(archive):
            yield


@contextmanager
def _loading_sqlite(archive: Archive, path: Path) -> Iterator[None]:
    archive.extract(DATABASE, path)
    final = Path(connection.settings_dict["NAME"])
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        call_command("migrate", interactive=False, verbosity=0)
        yield
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
        connection.settings_dict["NAME"] = str(final)
    final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    reach("restore.before_database")
    path.rename(final)
    reach("restore.database_there")


@contextmanager
def _loading_postgres(archive: Archive) -> Iterator[None]:
    _migrate_to(archive.manifest.migrations)
    with transaction.atomic():
        with connection.cursor() as cursor:
            for table in FILLED_BY_MIGRATING:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 (names of our own)
            for table, columns in archive.manifest.tables.items():
                with cursor.copy(f"COPY {_listed(table, columns)} FROM STDIN") as rows:
                    for block in archive.blocks(TABLES + table):
                        rows.write(block)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        call_command("migrate", interactive=False, verbosity=0)
        _reset_sequences()
        yield


def _migrate_to(migrations: Sequence[str]) -> None:
    """Make the tables as they were for the archive, and no later ones."""
    newest: dict[str, str] = {}
    for name in migrations:
        app, _dot, rest = name.partition(".")
        newest[app] = max(rest, newest.get(app, ""))
    for app, name in newest.items():
        if app in {config.label for config in apps.get_app_configs()}:
            call_command("migrate", app, name, interactive=False, verbosity=0)


def _reset_sequences() -> None:
    models: list[type[Model]] = [*apps.get_models(include_auto_created=True), MigrationRecorder(connection).Migration]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _listed(table: str, columns: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    return f"{quote(table)} ({', '.join(quote(column) for column in columns)})"
