"""One server of the benchmark: started on its core, asked, frozen while others are measured, ended."""

import http.client
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import numpy as np
import orjson
import psutil

from bench.serving import machine
from bench.serving.contestants import Contestant, Site
from bench.serving.environments import ensure
from bench.serving.installation import Installation
from bench.serving.models import Model, Rows
from bench.serving.peers.model import MODEL_VARIABLE
from bench.serving.wire import KEY, Answer, Request

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
TOLERANCE = 1e-4
_PORTS = itertools.cycle(range(20_000 + os.getpid() % 1000 * 10, 32_000, 3))
FAULTS = (OSError, http.client.HTTPException)

log = logging.getLogger(__name__)


class Unfit(Exception):
    """A server that did not start or does not answer as it should; the message says how."""


class Server(AbstractContextManager["Server"]):
    """A contestant with one model; leaving its context ends it.

    `cold_seconds` is the time from the start of its process to a good answer.
    """

    def __init__(
        self,
        contestant: Contestant,
        model: Model,
        environments: Path,
        *,
        cores: str = str(machine.SERVER_CORE),
    ) -> None:
        self.contestant = contestant
        self.name = contestant.name
        self.model = model
        self.port = free_port()
        self.cold_seconds = 0.0
        self.installation: Installation | None = None
        self._cores = cores
        self._stack = ExitStack()
        self._environments = environments
        self._folder = model.folder / f"{contestant.name}-{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = self._folder / "log"

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server and all that it started."""
        processes = machine.tree(self.pid) if self._process else []
        for process in processes:
            _tell(process, signal.SIGCONT)
        for process in processes[:1]:
            _tell(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(processes[:1], 15)
        for process in {*alive, *processes}:
            _tell(process, signal.SIGKILL)
        if self._process:
            self._process.wait(15)
        self._stack.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def title(self) -> str:
        return self.contestant.title

    # -- starting

    def start(self) -> "Server":
        """Raises `Unfit` or `environments.CannotInstall`."""
        contestant = self.contestant
        self._folder.mkdir()
        folder = Path(sys.executable).parent
        if contestant.environment is not None:
            folder = ensure(contestant.environment, self._environments)
        site = Site(bin=folder, port=self.port, folder=self._folder, whole=self.model.whole)
        variables = {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "PATH": f"{site.bin}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            MODEL_VARIABLE: str(site.whole),
            "BENCH_KEY": KEY,
            **self._prepare(site),
            **contestant.variables(site),
        }
        started = time.monotonic()
        command = ["taskset", "-c", self._cores, *contestant.command(site)]
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=variables, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        self.wait_for_answer(START_SECONDS)
        self.cold_seconds = time.monotonic() - started
        return self

    def _prepare(self, site: Site) -> dict[str, str]:
        """What has to be there before the server starts."""
        if self.contestant.prepare is not None:
            done = subprocess.run(self.contestant.prepare(site), cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unfit(f"{self.title} could not be prepared: {done.stderr.strip()[-300:]}")
        if self.name == "constant":
            for file, count in (("one.json", 1), ("many.json", 1000 if self.model.name == "table" else 1)):
                (site.folder / file).write_bytes(compose_answer(self.model, count))
        if self.name != "modelyard":
            return {}
        self.installation = self._stack.enter_context(Installation(self._folder, free_port(), machine.CLIENT_CORE))
        self.installation.publish("bench", self.model.target)
        return dict(self.installation.variables(self.port))

    def wait_for_answer(self, seconds: float) -> None:
        """Raises `Unfit` if there is no good answer in time."""
        request = self.contestant.wires["rows"].encode(self.model, self.model.sample(1, seed=0))
        deadline = time.monotonic() + seconds
        seen = "nothing"
        while time.monotonic() < deadline:
            try:
                answer = self.ask(request, timeout=10)
                if answer.status == 200:
                    return
                seen = f"{answer.status} {answer.body[:200]!r}"
            except FAULTS as fault:
                seen = repr(fault)
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(0.005)
        raise Unfit(f"{self.title} gave no good answer within {seconds:.0f} s, last {seen}; {self._last_words()}")

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return f"its log ends: {' | '.join(lines[-3:])[-400:]}" if lines else "its log is empty"

    # -- asking

    def ask(self, request: Request, timeout: float = 30) -> Answer:
        """Raises one of `FAULTS`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("POST", request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, response.read(), headers)
        finally:
            connection.close()

    def check(self, form: str, rows: Rows) -> float:
        """Return the largest difference to what onnxruntime computes. Raises `Unfit` if it is too large."""
        used = self.contestant.wires[form]
        answer = self.ask(used.encode(self.model, rows))
        if answer.status != 200:
            raise Unfit(f"{self.title} answers {answer.status} to {form}: {answer.body[:300]!r}")
        expected = self.model.expect(rows)
        try:
            found = used.decode(self.model, answer)
        except (KeyError, ValueError, TypeError) as fault:
            raise Unfit(f"{self.title} answers {form} with {answer.body[:200]!r}: {fault!r}") from fault
        if found.shape != expected.shape:
            raise Unfit(f"{self.title} answers {form} with the shape {found.shape}, not {expected.shape}")
        difference = float(np.abs(found - expected).max())
        if not difference <= TOLERANCE:
            raise Unfit(f"{self.title} answers {form} with probabilities that are wrong by {difference:g}")
        return difference

    # -- being measured

    def freeze(self) -> None:
        for process in machine.tree(self.pid):
            _tell(process, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in machine.tree(self.pid):
            _tell(process, signal.SIGCONT)
        self.wait_for_answer(30)

    @property
    def cpu_seconds(self) -> float:
        return machine.cpu_seconds(self.pid)

    @property
    def helper_seconds(self) -> float:
        """Processor time of what the server leans on, which is no foreign work."""
        return machine.cpu_seconds(self.installation.pid) if self.installation else 0.0

    @property
    def memory_mb(self) -> float:
        return machine.memory_mb(self.pid)


def compose_answer(model: Model, count: int) -> bytes:
    """What Modelyard answers to so many rows, byte for byte."""
    predictions = []
    for row in model.expect(model.sample(count, seed=1)).tolist():
        probabilities = dict(zip(model.labels, row, strict=True))
        best = max(probabilities, key=probabilities.__getitem__)
        predictions.append({"label": best, "score": probabilities[best], "probabilities": probabilities})
    return orjson.dumps({"predictions": predictions})


def free_port() -> int:
    """A port that is free, as are the next two, for servers that listen on several; never the same one twice.

    They lie below those that the system gives to clients, so that none of these takes one between now and the start.
    """
    while True:
        port = next(_PORTS)
        try:
            for number in range(port, port + 3):
                with socket.create_server(("127.0.0.1", number)):
                    pass
        except OSError:
            continue
        return port


def _tell(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
