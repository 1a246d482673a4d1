"""Several predictor processes behind one port, and the small parent that starts them and keeps them running.

They share the port (`SO_REUSEPORT`: the kernel spreads connections over them) and nothing else. What is counted and
limited goes through Redis, so that it does not matter which of them answers. The parent imports nothing of a predictor.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0)
"""Seconds before a process that ended is started again, longer each time it does not last."""
STEADY_SECONDS = 20.0
GRACE_SECONDS = 5.0
MOST_BY_DEFAULT = 8
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


class Sibling:
    """One place for a process; `due_at` says when it is to be started (again)."""

    def __init__(self, command: Sequence[str], name: str) -> None:
        self._command = command
        self._name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.due_at = 0.0
        self._started_at = 0.0
        self._failures = 0

    def start(self) -> None:
        self._started_at, self.due_at = time.monotonic(), inf
        environment = {**os.environ, "MODELYARD_PREDICT_NAME": self._name}
        self.process = subprocess.Popen(self._command, env=environment)

    def look(self) -> bool:
        """Whether the process runs. One that has ended is due again after a pause."""
        if self.process is None:
            return False
        code = self.process.poll()
        if code is None:
            return True
        self.process = None
        now = time.monotonic()
        self._failures = self._failures + 1 if now - self._started_at < STEADY_SECONDS else 0
        self.due_at = now + PAUSES[min(self._failures, len(PAUSES) - 1)]
        log.info("predictor process %s ended with %d", self._name, code)
        return False

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)


class Siblings:
    """All processes of one port."""

    def __init__(self, *, host: str, port: int, count: int, name: str, drain_seconds: float) -> None:
        self._host = host
        self._port = port
        self._drain_seconds = drain_seconds
        command = [sys.executable, "-m", "workers.serving", "--child-of", str(os.getpid())]
        self._siblings = [Sibling(command, f"{name}.{index}") for index in range(count)]
        self._give_up_at: float | None = None

    def run(self) -> None:
        """Run until SIGTERM or Ctrl-C, which the processes are told to drain at. Raises `OSError` for a taken port."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        with reserve(self._host, self._port):
            while True:
                now = time.monotonic()
                running = [sibling.look() for sibling in self._siblings]
                if self._give_up_at is None:
                    for sibling in self._siblings:
                        if sibling.due_at <= now:
                            sibling.start()
                    wake_at = min(sibling.due_at for sibling in self._siblings)
                elif not any(running):
                    return
                else:
                    wake_at = self._give_up_at
                    if now >= wake_at:
                        self._send(signal.SIGKILL)
                self._wait(max(0.01, min(wake_at - now, 3600.0)))

    def _wait(self, seconds: float) -> None:
        heard = signal.sigtimedwait(SIGNALS, seconds)
        if heard is not None and heard.si_signo != signal.SIGCHLD:
            self._send(signal.SIGTERM)
            if self._give_up_at is None:
                self._give_up_at = time.monotonic() + self._drain_seconds + GRACE_SECONDS

    def _send(self, number: signal.Signals) -> None:
        for sibling in self._siblings:
            sibling.send(number)


def reserve(host: str, port: int) -> socket.socket:
    """Return a bound socket that nobody connects to: it keeps the port for us. Raises `OSError` where it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()
    reserved = socket.socket(family, socket.SOCK_STREAM)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind((host, port))
    return reserved


def become_child() -> None:
    """Undo what a process inherits of its parent's handling of signals."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def count_cores() -> int:
    """The cores that this process may use: those it is pinned to, or fewer where a container has a smaller share."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = CPU_MAX.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, int(quota) // int(period)))
