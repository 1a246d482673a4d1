"""What tests of the life of an endpoint share: callers under way, files that cannot be read yet, large artifacts."""

import fcntl
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import requests

from modelyard.contracts import artifact
from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess

F_SETSIG = 10


def state_of(platform: Platform, name: str = "people") -> dict[str, Any]:
    """What the predictor says of an endpoint."""
    entries = [entry for field, entry in platform.report().items() if field.endswith(f"/{name}")]
    return dict(entries[0]) if entries else {}


def version_of(answer: requests.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.headers["x-modelyard-version"])


class Callers:
    """Threads that call an endpoint again and again, each on a connection of its own, and write down what they get."""

    def __init__(self, predictor: PredictorProcess, key: str, name: str = "people", count: int = 4) -> None:
        self.url = f"{predictor.url}/v1/models/{name}:predict"
        self.key = key
        self.statuses: Counter[int] = Counter()
        self.versions: Counter[int] = Counter()
        self.answers: list[tuple[int, Any]] = []
        self.broken: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {self.key}"
            while not self._done.is_set():
                try:
                    answer = session.post(self.url, json={"instances": [artifacts.ROW]}, timeout=60)
                except requests.RequestException as fault:
                    self.broken.append(str(fault))
                    return
                version = int(answer.headers.get("x-modelyard-version", 0))
                self.statuses[answer.status_code] += 1
                self.versions[version] += 1
                self.answers.append((version, answer.json()))


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Whoever opens the file meanwhile waits, as on a file system that hangs: we hold a lease on it."""
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(handle, F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(handle)


def write_large(folder: Path, *, size: int = 600_000, seed: int = 0) -> Target:
    """A classifier whose network takes at least `size` bytes."""
    target = artifacts.write_classifier(folder, seed=seed)
    core = folder / artifact.CORE_ONNX
    model = onnx.load(core)
    model.metadata_props.add(key="padding", value="x" * size)
    onnx.save(model, core)
    return Target(version=target.version, artifact=target.artifact, sha256=artifact.seal(folder))
