"""A training process kept warm: it has imported TensorFlow and waits for a run.

One process trains one run, all the same: a warm one gets the order that a cold one would have got, does that run and
ends. The next one is started when the run is over. See `docs/decisions/0015-a-trainer-kept-warm.md`.
"""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from django.conf import settings

from modelyard.contracts.order import Order
from modelyard.environment import ROOT
from workers.devices import Device
from workers.measuring import measure_family
from workers.supervising import Limits, bare_environment, launch

log = logging.getLogger(__name__)

TRAINING = (sys.executable, "-m", "workers.training", "--wait")
LARGEST_FILE = 64 * 1024**3
LOOK_SECONDS = 3.0
PAUSE_SECONDS = 5.0
"""After a run the machine is left to what follows on it: the model is published, or the next run begins."""
MOST_FAILURES = 3
CHANGED = "the program has changed"
CODE = (ROOT / "platform" / "modelyard", ROOT / "workers")


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A training process that waits, or will soon. `code` is the program as it was when it started."""

    process: "subprocess.Popen[bytes]"
    code: int
    home: TemporaryDirectory[str]

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def order(self, order: Order) -> bool:
        """Tell it its run; False where it has died."""
        assert self.process.stdin is not None
        try:
            with self.process.stdin as pipe:
                pipe.write(order.to_line().encode())
        except BrokenPipeError:
            return False
        return True

    def discard(self) -> None:
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self.home.cleanup()


class TrainerKeeper:
    """Starts trainers for a worker, and keeps one of them warm where that may take `idle_bytes` of memory (0: none).

    Of `limits` it is those that the kernel keeps which count here; `devices` are the GPUs that trainers may see.

    What waits is replaced when it dies, when it takes too much, and when the program on disk has changed.
    """

    def __init__(self, *, devices: str, limits: Limits, idle_bytes: int, command: Sequence[str]) -> None:
        self.limits = limits
        self._devices = devices
        self._idle_bytes = idle_bytes
        self._command = command
        self._lock = threading.Lock()
        self._over = False
        self._waiting: Trainer | None = None
        self._runs = 0
        self._rested_at = -PAUSE_SECONDS
        self._failures = 0

    def begin(self) -> None:
        """Keep one warm from now on. The thread lives as long as the worker does: its children die with it."""
        if self._idle_bytes:
            threading.Thread(target=self._keep, name="warming", daemon=True).start()

    def end(self) -> None:
        with self._lock:
            self._over = True
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.discard()

    def start(self, order: Order) -> Trainer:
        """A trainer that has this order: the warm one, if it is there and fit, else a new one. `rest` comes after."""
        with self._lock:
            self._runs += 1
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            if waiting.is_alive() and waiting.code == read_code() and waiting.order(order):
                return waiting
            waiting.discard()
        trainer = self._launch()
        trainer.order(order)
        return trainer

    def rest(self, trainer: Trainer) -> None:
        """The run of this trainer is over, and its process is gone."""
        trainer.home.cleanup()
        with self._lock:
            self._runs -= 1
            self._rested_at = time.monotonic()
            self._failures = 0

    @property
    def waiting(self) -> int | None:
        """The id of the process that is kept warm, None where there is none just now."""
        with self._lock:
            return None if self._waiting is None else self._waiting.process.pid

    @property
    def has_given_up(self) -> bool:
        """Whether none is kept warm any more until a run has been trained."""
        return self._failures >= MOST_FAILURES

    def _keep(self) -> None:
        while not self._over:
            self.look()
            time.sleep(LOOK_SECONDS if self._waiting else LOOK_SECONDS / 10)

    def look(self) -> None:
        """Start one where none waits, unless a run is on; replace what is no longer fit to wait."""
        with self._lock:
            if self._waiting is not None:
                fault = self._find_fault(self._waiting)
                if not fault:
                    return
                self._drop(fault)
            rested = time.monotonic() - self._rested_at >= PAUSE_SECONDS
            if self._over or self._runs or not rested or self.has_given_up or not self._fits():
                return
            try:
                self._waiting = self._launch()
            except OSError as fault_of_system:
                log.warning("no trainer could be started to be kept warm: %s", fault_of_system)
                self._failures += 1

    def _drop(self, fault: str) -> None:
        log.warning("the trainer that was kept warm is replaced: %s", fault)
        if self._waiting is not None:
            self._waiting.discard()
        self._waiting = None
        self._failures += fault != CHANGED
        if self.has_given_up:
            log.error("no trainer is kept warm until the next run is over: %d failed", MOST_FAILURES)

    def _find_fault(self, trainer: Trainer) -> str:
        if not trainer.is_alive():
            return f"it ended with {trainer.process.returncode}"
        if trainer.code != read_code():
            return CHANGED
        taken = measure_family(trainer.process.pid)
        return f"it takes {taken} bytes" if taken > self._idle_bytes else ""

    def _fits(self) -> bool:
        """A machine that is short of memory keeps it for those who work."""
        return bool(psutil.virtual_memory().available > self._idle_bytes)

    def _launch(self) -> Trainer:
        home = TemporaryDirectory(prefix="modelyard-trainer-")
        code = read_code()
        process = launch(
            self._command,
            folder=Path(home.name),
            environment=bare_environment(Path(home.name), devices=self._devices),
            limits=self.limits,
            stdin=subprocess.PIPE,
        )
        return Trainer(process=process, code=code, home=home)


def keep_trainers(device: Device) -> TrainerKeeper:
    """The keeper of a worker that trains on `device`."""
    environment = settings.ENVIRONMENT
    return TrainerKeeper(
        devices=device.visible,
        limits=Limits(
            wall_seconds=0.0,
            resident_bytes=environment.train_memory_bytes,
            file_bytes=LARGEST_FILE,
            isolate=device.index is None,
        ),
        idle_bytes=environment.warm_trainer_bytes,
        command=TRAINING,
    )


def read_code() -> int:
    """A number that changes with the files of the program and with what is installed beside it."""
    files = [path for folder in CODE for path in folder.rglob("*.py")]
    files += [Path(sysconfig.get_paths()[name]) for name in ("purelib", "platlib")]
    found = []
    for path in files:
        with contextlib.suppress(FileNotFoundError):
            state = path.stat()
            found.append((str(path), state.st_mtime_ns, state.st_size))
    return hash(tuple(sorted(found)))
