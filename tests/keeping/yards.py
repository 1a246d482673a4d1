"""Installations of their own, seen from outside: a home, a database, a place for files, and commands that are run."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from modelyard.environment import ROOT

BACKUP_KEY = "a-key-of-the-backups-that-is-long-enough"
START = "import django; django.setup(); from tests.keeping import acts; acts.main()"
SECRETS = ("secret_key", "key_pepper", "audit_key")


@dataclass
class Yard:
    """An installation. `variables` are set for every command."""

    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "modelyard.settings",
            "MODELYARD_HOME": str(self.home),
            "REDIS_URL": "redis://127.0.0.1:1/0",
            **self.variables,
        }

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )

    def manage(self, *arguments: str) -> str:
        """Run a command that must go well; returns what it says."""
        done = self.run("manage.py", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def refuse(self, *arguments: str) -> str:
        """Run a command that must not go well; returns why."""
        done = self.run("manage.py", *arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr

    def ask(self, act: str, *arguments: str) -> str:
        """Let `tests.keeping.acts` do something inside the installation; returns what it prints."""
        done = self.run("-c", START, act, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def files(self) -> set[str]:
        """Everything in the home but its secrets, which every command draws."""
        found = (path.relative_to(self.home).as_posix() for path in self.home.rglob("*") if path.is_file())
        return {name for name in found if not name.startswith("secrets/")}


@contextmanager
def fresh_postgres() -> Iterator[str]:
    """An empty database; the test is skipped without a server."""
    server = os.environ.get("MODELYARD_TEST_POSTGRES", "")
    if not server:
        pytest.skip("MODELYARD_TEST_POSTGRES names no PostgreSQL server")
    name = f"modelyard_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        try:
            yield f"{server.rsplit('/', 1)[0]}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]
