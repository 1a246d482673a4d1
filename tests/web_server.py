"""A real web server for tests: uvicorn in a process of its own, with its own home, database and the session's Redis.

    @pytest.fixture(scope="session")
    def web_server(redis_server, tmp_path_factory): ...   # in tests/conftest.py or a module's own

`start_web` is what fixtures are made of; tests that kill a server start their own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.conftest import free_port

ROOT = Path(__file__).resolve().parent.parent
EMAIL, PASSWORD = "alice@example.com", "correct horse battery"
MAKE_ALICE = f"""
from modelyard.accounts.models import User
from modelyard.accounts.services import create_workspace
from modelyard.accounts.keys import create_key
user = User.objects.create_user("{EMAIL}", "{PASSWORD}", name="Alice")
workspace = create_workspace("Lab", owner=user)
print(create_key("tests", workspace=workspace, user=user, scopes=["admin", "predict"])[1])
"""


@dataclass
class WebServer:
    """Where it listens, and a key of Alice, who owns the only workspace."""

    url: str
    home: Path
    environment: dict[str, str] = field(repr=False)
    key: str = field(default="", repr=False)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    def manage(self, *arguments: str) -> str:
        """Run a management command against the server's database and return what it prints."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask_python(self, code: str) -> str:
        """Run Python in the platform's own environment, for what no address shows."""
        return self.manage("shell", "--no-imports", "-c", code)

    def start(self) -> None:
        port = self.url.rpartition(":")[2]
        command = [sys.executable, "-m", "uvicorn", "modelyard.asgi:application", "--port", port, "--no-access-log"]
        log = (self.home / "web.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                requests.get(f"{self.url}/healthz", timeout=60)
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.home / "web.log").read_text())

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(sign)
            self.process.wait(60)


@contextmanager
def start_web(home: Path, redis_url: str, **variables: str) -> Iterator[WebServer]:
    """Migrate an empty database, make Alice, serve; everything ends with the block."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "DJANGO_"))},
        "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
        "MODELYARD_HOME": str(home),
        "MODELYARD_PORT": str(port),
        "MODELYARD_DEBUG": "1",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "modelyard.settings",
        **variables,
    }
    (home / "database").mkdir(parents=True, exist_ok=True)
    server = WebServer(url=f"http://127.0.0.1:{port}", home=home, environment=environment)
    server.manage("migrate", "--run-syncdb", "--verbosity", "0")
    server.key = server.ask_python(MAKE_ALICE)
    server.start()
    try:
        yield server
    finally:
        server.stop()
