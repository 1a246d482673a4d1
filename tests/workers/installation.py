"""A small installation of real processes on a database file that this process shares with them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connections
from redis import Redis

from modelyard.environment import ROOT
from tests.settings import HOME

LEASE_SECONDS = 5


class Installation:
    """`url` of a database with tables, a Redis, and the workers that were started."""

    def __init__(self, folder: Path, url: str, redis_url: str) -> None:
        self.folder = folder
        self.url, self.redis_url = url, redis_url
        self.redis = Redis.from_url(redis_url)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "MODELYARD_TEST_HOME": str(HOME),
            "DATABASE_URL": url,
            "REDIS_URL": redis_url,
            "MODELYARD_LEASE_SECONDS": str(LEASE_SECONDS),
            "MODELYARD_HEARTBEAT_SECONDS": "1",
            "MODELYARD_DEVICE": "cpu",
        }

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=self.environment, cwd=ROOT, check=True, capture_output=True)

    def start_worker(
        self, queue: str, name: str, *more: str, app: str = "tests.workers.small_app"
    ) -> subprocess.Popen[bytes]:
        return self.start(name, app, "worker", "-Q", queue, "-n", f"{name}@%h", *more)

    def start_clock(self) -> "subprocess.Popen[bytes]":
        return self.start("clock", "workers.app", "beat", "-s", str(self.folder / "schedule"))

    def start(self, name: str, app: str, *arguments: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "celery", "-A", app, *arguments, "-l", "INFO"]
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            command, env=self.environment, cwd=ROOT, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        self.processes.append(process)
        return process

    def start_trainer(self, name: str = "trainer") -> subprocess.Popen[bytes]:
        return self.start_worker("train", name, "-c", "1")

    def wait_for_log(self, name: str, words: str) -> None:
        wait_until(lambda: words in (self.folder / f"{name}.log").read_text(), f"{name} to say {words!r}")

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.processes.clear()


def wait_until(happened: Callable[[], Any], what: str = "it", seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = happened()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Let Django in this process use the database at `url` instead of the one of the tests."""
    from modelyard.settings import _database

    former = connections["default"]
    settings = {**former.settings_dict, "OPTIONS": {}, **_database(url)}
    connections["default"] = type_of(url)(settings, alias="default")
    try:
        yield
    finally:
        connections["default"].close()
        connections["default"] = former


def type_of(url: str) -> Any:
    from django.db.utils import load_backend

    engine = "sqlite3" if url.startswith("sqlite") else "postgresql"
    return load_backend(f"django.db.backends.{engine}").DatabaseWrapper
