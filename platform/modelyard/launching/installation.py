"""Which processes make an installation, and bringing them up in order."""

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pynvml

from modelyard.environment import ROOT, Environment
from modelyard.launching.services import Roof, Service

READY_SECONDS = 120.0
PYTHON_PATH = {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}", "DJANGO_SETTINGS_MODULE": "modelyard.settings"}


class NotReady(Exception):
    """A process did not become ready; the message says which and where its log is."""


def list_services(environment: Environment, redis_url: str, devices: list[str]) -> list[Service]:
    """Every process but Redis, in the order in which they start. `devices` are CUDA indices, or [""] without a GPU."""
    common = {**PYTHON_PATH, "REDIS_URL": redis_url}
    celery = [sys.executable, "-m", "celery", "-A", "workers.app"]
    web = [sys.executable, "-m", "uvicorn", "modelyard.asgi:application", "--host", environment.host]
    web += ["--port", str(environment.port), "--log-level", "warning", "--no-server-header"]
    services = [
        Service(name="web", command=[*web, "--timeout-graceful-shutdown", "5"], environment=common),
        Service(name="predictor", command=[sys.executable, "-m", "workers.serving"], environment=common),
        Service(
            name="ingester",
            command=[*celery, "worker", "-Q", "ingest", "-n", "ingester@%h", "-c", "1", "-l", "INFO"],
            environment=common,
        ),
        Service(
            name="scorer",
            command=[*celery, "worker", "-Q", "score", "-n", "scorer@%h", "-c", "1", "-l", "INFO"],
            environment=common,
        ),
    ]
    for number, device in enumerate(devices):
        pinned = {"MODELYARD_DEVICE": device, "CUDA_VISIBLE_DEVICES": device or "-1"}
        services.append(
            Service(
                name=f"trainer-{number}",
                command=[*celery, "worker", "-Q", "train", "-n", f"trainer-{number}@%h", "-c", "1", "-l", "INFO"],
                environment={**common, **pinned},
            )
        )
    schedule = environment.home / "celerybeat-schedule"
    services.append(
        Service(name="beat", command=[*celery, "beat", "-s", str(schedule), "-l", "WARNING"], environment=common)
    )
    return services


def list_devices(trainers: int) -> list[str]:
    """One CUDA index per GPU, so that each gets a trainer of its own; without a GPU, `trainers` times the CPU."""
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:
        return [""] * trainers
    return [str(index) for index in range(count)] or [""] * trainers


def wait_until_healthy(url: str, service: Service, logs: Path) -> None:
    """Return once `url` answers 200. Raises `NotReady` if its process ends or time runs out."""
    deadline = time.monotonic() + READY_SECONDS
    said = "no answer"
    while time.monotonic() < deadline:
        if service.dead:
            raise NotReady(f"{service.name} ended at once; the reason is in {logs / service.name}.log")
        try:
            with urlopen(f"{url}/healthz", timeout=5):
                return
        except HTTPError as fault:
            said = fault.read().decode(errors="replace")[:300]
        except (URLError, OSError) as fault:
            said = str(fault)
        time.sleep(0.1)
    raise NotReady(f"{service.name} is not ready: {said}; its log is {logs / service.name}.log")


class Ending:
    """Hears a SIGINT or SIGTERM from the moment it is made.

    What is going on is interrupted, until `settle`. Where Python has to swallow that, as in a destructor, `wanted`
    tells all the same.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._interrupts = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: object) -> None:
        self.wanted = True
        if self._interrupts:
            raise KeyboardInterrupt

    def settle(self) -> None:
        """Interrupt nothing from now on."""
        self._interrupts = False

    def watch(self, roof: Roof) -> None:
        """Keep everything alive until the end is wanted."""
        self.settle()
        while not self.wanted:
            roof.revive()
            time.sleep(0.5)


def refuse_second_start(home: Path) -> Callable[[], None]:
    """Hold a lock on the home folder; return what releases it. Raises `NotReady` when another launcher holds it."""
    file = (home / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise NotReady(f"an installation is already running on {home}; stop it first, or set MODELYARD_HOME") from None
    return file.close
