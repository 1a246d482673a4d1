"""A whole installation of real processes: web, predictors, a trainer of small runs, the clock, and a proxy in front."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from tests.conftest import free_port, wait_for_port
from tests.serving import artifacts
from tests.web_server import ROOT, WebServer

PREPARE = """
from modelyard.accounts.models import User, Workspace
from modelyard.endpoints import services as endpoints
from modelyard.registry.models import RegisteredModel
from tests.crashes import children, world
children.take_over()
lab, alice = Workspace.objects.get(), User.objects.get()
version = world.bring(lab, alice, "People")
world.read(version)
world.train(world.ask_for_run(version, alice))
endpoints.publish(lab, "people", RegisteredModel.objects.get(), [{"version": 1, "percent": 100}], by=alice)
print(version.pk)
"""
QUICK = {"MODELYARD_LEASE_SECONDS": "5", "MODELYARD_HEARTBEAT_SECONDS": "1", "MODELYARD_DEVICE": "cpu"}


class Yard:
    """Processes by name; `version` is a data set version to train on, `people` an endpoint."""

    def __init__(self, web: WebServer, folder: Path) -> None:
        self.web, self.folder = web, folder
        self.version = web.ask_python(PREPARE).splitlines()[-1]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ports = {name: free_port() for name in ("first", "second", "proxy")}

    def start(self, name: str, *command: str, **variables: str) -> "subprocess.Popen[bytes]":
        environment = {**self.web.environment, "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}", **variables}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        return self.processes[name]

    def start_trainer(self, name: str = "trainer") -> "subprocess.Popen[bytes]":
        app = "tests.workers.small_app"
        return self.start(
            name, sys.executable, "-m", "celery", "-A", app, "worker", "-Q", "train", "-c", "1", "-n", f"{name}@%h"
        )

    def start_clock(self) -> "subprocess.Popen[bytes]":
        schedule = str(self.folder / "schedule")
        return self.start("clock", sys.executable, "-m", "celery", "-A", "workers.app", "beat", "-s", schedule)

    def start_predictor(self, name: str) -> None:
        """Start the predictor of this name and return once it answers."""
        url = f"http://127.0.0.1:{self.ports[name]}"
        self.start(
            name,
            sys.executable,
            "-m",
            "workers.serving",
            MODELYARD_PREDICT_HOST="127.0.0.1",
            MODELYARD_PREDICT_PORT=str(self.ports[name]),
            MODELYARD_PREDICT_GRPC_PORT="0",
            MODELYARD_PREDICT_PROCESSES="1",
        )
        self.wait_until(lambda: answers(f"{url}/healthz") and self.predict(url).status_code == 200, f"{name} to answer")

    def start_proxy(self) -> str:
        """The proxy of `deploy/` in front of web and both predictors; returns its address."""
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        predictors = " ".join(f"server 127.0.0.1:{self.ports[name]} max_fails=0;" for name in ("first", "second"))
        for there, here in (
            ("server web:8000;", f"server {self.web.url.removeprefix('http://')};"),
            ("server predictor:8001 max_fails=0;", predictors),
            ("server predictor:8002;", f"server 127.0.0.1:{free_port()};"),
            ("listen 8082", f"listen 127.0.0.1:{free_port()}"),
            ("listen 8080", f"listen 127.0.0.1:{self.ports['proxy']}"),
            ("/tmp/", f"{self.folder}/"),
        ):
            assert there in text
            text = text.replace(there, here)
        path = self.folder / "nginx.conf"
        path.write_text(text)
        orders = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"  # else it could not read our folder
        self.start("proxy", "nginx", "-c", str(path), "-p", str(self.folder), "-g", orders)
        wait_for_port(self.ports["proxy"])
        return f"http://127.0.0.1:{self.ports['proxy']}"

    def predict(self, url: str, session: requests.Session | None = None) -> requests.Response:
        address, body = f"{url}/v1/models/people:predict", {"instances": [artifacts.ROW]}
        return (session or requests).post(address, json=body, headers=self.web.headers, timeout=60)

    def ask_for_run(self, url: str, epochs: int, seconds: float = 0.01) -> requests.Response:
        """Ask for a small run whose epochs take `seconds`."""
        asked = {
            "dataset_version": self.version,
            "model_template": "tabular_classifier",
            "target": "bought",
            "hyperparameters": {"epochs": epochs, "learning_rate": seconds / 10},
        }
        return requests.post(f"{url}/api/v1/runs", json=asked, headers=self.web.headers, timeout=120)

    def show_run(self, run: str) -> dict[str, Any]:
        shown: dict[str, Any] = requests.get(
            f"{self.web.url}/api/v1/runs/{run}", headers=self.web.headers, timeout=60
        ).json()
        return shown

    def wait_for_run(self, run: str, what: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        self.wait_until(lambda: what(self.show_run(run)), f"run {run}, which is {self.show_run(run)}")
        return self.show_run(run)

    def wait_until(self, happened: Callable[[], object], what: str, seconds: float = 180) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if happened():
                return
            time.sleep(0.05)
        logs = "".join(path.read_text()[-1500:] for path in self.folder.glob("*.log"))
        raise AssertionError(f"waited {seconds} s for {what}\n{logs}")

    def terminate(self, name: str) -> None:
        """As a deploy does: ask it to stop, and wait until it has."""
        self.processes[name].send_signal(signal.SIGTERM)
        assert self.processes.pop(name).wait(120) == 0

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def check(self) -> None:
        """Everything that is stored agrees."""
        command = [sys.executable, "manage.py", "fsck"]
        done = subprocess.run(command, cwd=ROOT, env=self.web.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=60).status_code == 200
    except requests.ConnectionError:
        return False
