"""What a child process takes: memory and time."""

import re
import time
from pathlib import Path

import psutil

PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
OOM_KILLS = re.compile(r"^oom_kill (\d+)", re.MULTILINE)
OOM_COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))


class Meter:
    """Measures a process and its descendants while they live."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.started = time.monotonic()
        self.resident = 0
        self.peak = 0

    def sample(self) -> None:
        """Look once; a process that has just gone is no error."""
        try:
            self.resident = measure_family(self.pid)
            peak = PEAK.search(Path(f"/proc/{self.pid}/status").read_text())
        except (psutil.Error, OSError):
            return
        self.peak = max(self.peak, self.resident, int(peak.group(1)) * 1024 if peak else 0)

    @property
    def wall_seconds(self) -> float:
        return time.monotonic() - self.started


class PhaseClock:
    """In which phase a training process is, and how long ago it said the first one."""

    def __init__(self) -> None:
        self.current = ""
        self._began_at = 0.0

    def start_anew(self) -> None:
        """Another process begins; until it says something, nothing is measured."""
        self.current, self._began_at = "", 0.0

    def enter(self, phase: str) -> None:
        self.current = phase
        self._began_at = self._began_at or time.monotonic()

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began_at if self._began_at else 0.0


def measure_family(pid: int) -> int:
    """The resident bytes of a process, and what its descendants have for themselves: a forked one shares the rest.

    Raises `psutil.Error` where it has gone.
    """
    process = psutil.Process(pid)
    total: int = process.memory_info().rss
    for member in process.children(recursive=True):
        total += member.memory_full_info().uss
    return total


def count_oom_kills() -> int:
    """How many processes the kernel has killed for want of memory, here or on the whole machine."""
    total = 0
    for path in OOM_COUNTERS:
        try:
            found = OOM_KILLS.search(path.read_text())
        except OSError:
            continue
        total += int(found.group(1)) if found else 0
    return total
