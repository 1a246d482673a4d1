"""Long-running processes under one roof: started in order, started again when they die, stopped in reverse."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modelyard.environment import ROOT

STOP_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(kw_only=True)
class Service:
    """One process of the installation. `stop_with` is the signal that ends it cleanly."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_with: signal.Signals = signal.SIGTERM
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    failures: int = 0

    @property
    def dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class Roof:
    """Keeps services alive. `tell` is called with a line for the person who watches."""

    def __init__(self, logs: Path, tell: Callable[[str], None]) -> None:
        self.logs = logs
        self.tell = tell
        self.services: list[Service] = []
        logs.mkdir(parents=True, exist_ok=True, mode=0o700)

    def start(self, service: Service) -> None:
        """Start a service; its output goes to `<logs>/<name>.log`."""
        path = self.logs / f"{service.name}.log"
        if path.exists() and path.stat().st_size > 50 * 1024**2:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            service.process = subprocess.Popen(
                list(service.command),
                cwd=ROOT,
                env={**os.environ, **service.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        service.started_at = time.monotonic()
        if service not in self.services:
            self.services.append(service)

    def revive(self) -> None:
        """Start what has died again: at once the first time, later and later if it keeps dying."""
        for service in self.services:
            if not service.dead or service.process is None:
                continue
            lived = time.monotonic() - service.started_at
            service.failures = 0 if lived > 60 else service.failures
            if lived < min(30, 2**service.failures - 1):
                continue
            self.tell(
                f"{service.name} ended with code {service.process.returncode}; starting it again. Its log: "
                f"{self.logs / service.name}.log"
            )
            service.failures += 1
            self.start(service)

    def stop(self) -> None:
        """Stop all: at once, but for the first one, which the others lean on and which stops last."""
        self._end(self.services[1:])
        self._end(self.services[:1])

    def _end(self, services: Sequence[Service]) -> None:
        """Ask each to stop; what does not within `STOP_SECONDS` is killed with all its children."""
        asked = [(one, one.process) for one in services if one.process is not None and one.process.poll() is None]
        for service, process in asked:
            process.send_signal(service.stop_with)
        deadline = time.monotonic() + STOP_SECONDS
        for service, process in asked:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.tell(f"{service.name} did not stop in {STOP_SECONDS:.0f} s; killing it")
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _die_with_parent() -> None:
    """Ask the kernel (Linux) to end this child when the launcher is killed, so that nothing is orphaned."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
