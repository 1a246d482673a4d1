"""Triggers by which the database itself refuses to change or remove audit events and links of their chain.

They hold up programs and slips; whoever owns the database can drop them, and then the chain tells. A migration that
makes SQLite rebuild one of the tables loses its triggers and has to call `install` again; a test watches.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from django.db import connection, transaction

TABLES = ("accounts_auditevent", "accounts_auditseal")
REFUSAL = "the audit log is only ever added to"

POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION accounts_audit_refuse() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$
"""


class Editor(Protocol):
    """What statements run through: a cursor, or the schema editor of a migration."""

    def execute(self, sql: str, params: None = None) -> object: ...


def install(editor: Editor, vendor: str) -> None:
    """Make the triggers, instead of those that may be there."""
    remove(editor, vendor)
    if vendor == "postgresql":
        editor.execute(POSTGRES_FUNCTION)
    for table in TABLES:
        if vendor == "postgresql":
            editor.execute(
                f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_refuse()"
            )
            continue
        for act in ("UPDATE", "DELETE"):
            editor.execute(
                f"CREATE TRIGGER {table}_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )


def remove(editor: Editor, vendor: str) -> None:
    for table in TABLES:
        if vendor == "postgresql":
            editor.execute(f"DROP TRIGGER IF EXISTS {table}_kept ON {table}")
        else:
            editor.execute(f"DROP TRIGGER IF EXISTS {table}_update")
            editor.execute(f"DROP TRIGGER IF EXISTS {table}_delete")


@contextmanager
def lifted() -> Iterator[None]:
    """One transaction in which events may be removed: for retention, and for tests that tamper."""
    with transaction.atomic(), connection.cursor() as cursor:
        remove(cursor, connection.vendor)
        yield
        install(cursor, connection.vendor)
