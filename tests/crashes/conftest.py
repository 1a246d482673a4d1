"""Installations of their own in which scenarios are played and killed, one for each way to store files."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from modelyard.environment import ROOT

VARIABLES = {
    "folder": {},
    "encrypted": {"MODELYARD_STORAGE_KEY": "the-key-of-the-files-which-is-long-enough"},
}
Told = dict[str, Any]


class Driver:
    """A process of `tests.crashes.driver` with an installation of its own."""

    def __init__(self, home: Path, redis_url: str, variables: dict[str, str]) -> None:
        home.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {
            **kept,
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "modelyard.settings",
            "MODELYARD_HOME": str(home),
            "REDIS_URL": redis_url,
            **variables,
        }
        self.log = home.with_name("log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.crashes.driver"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.hit: Counter[str] = Counter()
        self.outcomes: dict[str, dict[str, object]] = {}

    def order(self, act: str, **rest: str) -> Told:
        """Let the process do something; returns how its copy ended ("code") and what it answered ("told")."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"act": act, **rest}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.log.read_text()[-3000:]
        told: Told = json.loads(line)
        return told

    def must(self, act: str, **rest: str) -> Any:
        """Let the process do something that has to go well; returns its answer."""
        answer = self.order(act, **rest)
        assert answer["code"] == 0, self.log.read_text()[-3000:]
        return answer.get("told")

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> Iterator[Callable[[str], Driver]]:
    """Gives the driver of a way to store files, which is started when it is asked for first."""
    started: dict[str, Driver] = {}
    with ExitStack() as stack:

        def give(storage: str) -> Driver:
            if storage not in started:
                home = tmp_path_factory.mktemp(storage) / "home"
                url = redis_server.rsplit("/", 1)[0] + f"/{4 + len(started)}"
                started[storage] = Driver(home, url, VARIABLES[storage])
                stack.callback(started[storage].end)
                started[storage].must("build")
            return started[storage]

        yield give
