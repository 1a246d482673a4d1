"""A whole installation, started as people start it, on ports and in a home of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
EMAIL, PASSWORD = "admin@localhost", "a password for the journey"


@dataclass(frozen=True, kw_only=True)
class Running:
    """Where an installation listens and how to get in."""

    home: Path
    base: str
    predictor: str
    output: str
    environment: dict[str, str]

    def make_key(self, *scopes: str) -> str:
        command = [sys.executable, "manage.py", "create_key", "--email", EMAIL, "--name", "journey"]
        for scope in scopes:
            command += ["--scope", scope]
        made = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=True)
        return made.stdout.strip()


def launch(home: Path, **more: str) -> tuple["subprocess.Popen[str]", dict[str, str]]:
    """Start `manage.py up` and return at once, with the environment it has."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "DJANGO_"))},
        "MODELYARD_HOME": str(home),
        "MODELYARD_PORT": str(free_port()),
        "MODELYARD_PREDICT_PORT": str(free_port()),
        "MODELYARD_PREDICT_GRPC_PORT": str(free_port()),
        "MODELYARD_ADMIN_EMAIL": EMAIL,
        "MODELYARD_ADMIN_PASSWORD": PASSWORD,
        **more,
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return process, environment


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """What a launcher says up to the line with these words."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"it ended before it said {words!r}:\n" + "".join(lines))


def start(home: Path, **more: str) -> tuple["subprocess.Popen[str]", Running]:
    """Start `manage.py up` and return once it says that it is ready."""
    process, environment = launch(home, **more)
    output = read_until(process, "Ctrl-C stops everything")
    running = Running(
        home=home,
        base=f"http://127.0.0.1:{environment['MODELYARD_PORT']}",
        predictor=f"http://127.0.0.1:{environment['MODELYARD_PREDICT_PORT']}",
        output=output,
        environment=environment,
    )
    return process, running


def stop(process: "subprocess.Popen[str]") -> str:
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=300)
    return said


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    process, running = start(tmp_path_factory.mktemp("installation"), MODELYARD_SAMPLE="0")
    yield running
    stop(process)


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """Where journeys leave pictures of what people see."""
    folder = ROOT / "test-results" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def curl_line(output: str) -> str:
    """The command that the first start prints."""
    found = re.search(r"curl -s .*?-d '.*?'", output, re.DOTALL)
    assert found is not None, output
    return found.group(0)
