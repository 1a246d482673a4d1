"""Copies of the source tree in which a safeguard is missing, and a child pytest that must notice.

The working tree itself is never touched. A copy is made once for each thread and mended after every try.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("platform", "workers", "tests", "templates", "static", "locale", "manage.py", "pyproject.toml")
PLUGINS = ("-p", "pytest_django.plugin", "-p", "pytest_asyncio.plugin")
"""The others take a second to load in each child."""
PATIENCE = 900
OF_ITS_OWN = ("MODELYARD_", "DJANGO_", "PYTEST_", "DATABASE_URL", "REDIS_URL", "PYTHONPATH")
"""Variables that a child shall not inherit."""


@dataclass(frozen=True, kw_only=True)
class Safeguard:
    """`name` is what protects; in `file` the `text`, which is there once, becomes `instead`; `witness` sees it."""

    name: str
    file: str
    text: str
    instead: str
    witness: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How a child pytest ended, and what it printed."""

    status: int
    said: str

    def fault(self, witness: str) -> str:
        """Why this is no proof that `witness` sees what is missing; empty where it is one."""
        if self.status == 0:
            return "the safeguard is gone and the test is green"
        if self.status != 1 or f"FAILED {witness}" not in self.said:
            return "the test did not fail, it could not be run"
        return "the code is broken, not unsafe" if "ImportError" in self.said or "NameError" in self.said else ""


def copy_tree(target: Path) -> None:
    """Copy what the tests need. Compiled files come along: the times of the files are kept."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part)
        else:
            shutil.copy2(source, target / part)


def try_without(safeguard: Safeguard, copy: Path) -> Verdict:
    """Take the safeguard out of a copy, run its witness there, and put it back."""
    with _changed(copy / safeguard.file, safeguard.text, safeguard.instead):
        command = [sys.executable, "-m", "pytest", *PLUGINS, safeguard.witness, "-q", "--tb=line", "--no-header"]
        done = subprocess.run(
            command,
            cwd=copy,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    return Verdict(status=done.returncode, said=done.stdout)


@contextmanager
def _changed(file: Path, text: str, instead: str) -> Iterator[None]:
    kept = file.with_name(file.name + ".kept")
    file.rename(kept)
    try:
        file.write_text(kept.read_text().replace(text, instead))
        yield
    finally:
        kept.replace(file)


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OF_ITS_OWN)}
    return {**inherited, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
