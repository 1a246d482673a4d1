"""Processes that race, and a database for them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START = "import django; django.setup(); from tests.quotas import racing; racing.main()"
PATIENCE = 600


@dataclass(frozen=True, kw_only=True)
class Track:
    """A database that several processes race on."""

    database_url: str
    home: Path

    def run(self, *arguments: str) -> str:
        """Do one act in a process of its own and return what it says."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
        ).stdout

    def run_many(self, *acts: tuple[str, ...]) -> list[Any]:
        """Do acts at once, each in a process of its own, and return what they print as JSON."""
        racers = [
            subprocess.Popen(self.command(*act), env=self.environment(), cwd=ROOT, stdout=subprocess.PIPE)
            for act in acts
        ]
        said = [racer.communicate(timeout=PATIENCE)[0] for racer in racers]
        assert [racer.returncode for racer in racers] == [0] * len(acts)
        return [json.loads(text) for text in said]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", START, *arguments]

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": self.database_url,
            "MODELYARD_TEST_HOME": str(self.home),
        }
