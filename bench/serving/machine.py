"""The machine: what it is, and how busy it was with other things while something was measured."""

import os
import platform
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

TICKS = os.sysconf("SC_CLK_TCK")
SERVER_CORE, CLIENT_CORE = 0, 1


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What figures mean nothing without."""

    at: str
    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    load: tuple[float, float, float]
    commit: str


def look() -> Facts:
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return Facts(
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        system=platform.platform(),
        python=platform.python_version(),
        load=os.getloadavg(),
        commit=commit.stdout.strip() or "unknown",
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def busy_seconds() -> float:
    """Processor time that the whole machine has spent on anything, what the hypervisor took away included."""
    user, nice, system, _, _, interrupts, soft, stolen, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + interrupts + soft + stolen) / TICKS


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it that are still there."""
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(pid: int) -> float:
    """Processor time of a process tree so far."""
    total = 0.0
    for process in tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def memory_mb(pid: int) -> float:
    """What a process tree would take if it were alone.

    Proportional set size with one change: what its processes share with others on the machine, such as the files of
    Python itself, counts in full; what they share among themselves counts once.
    """
    total = 0
    shared: dict[str, int] = {}
    for process in tree(pid):
        try:
            mappings = process.memory_maps(grouped=False)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        for number, mapping in enumerate(mappings):
            if not mapping.path.startswith("/"):
                total += mapping.pss
                continue
            total += mapping.private_clean + mapping.private_dirty
            part = sum(earlier.path == mapping.path for earlier in mappings[:number])
            place = f"{mapping.path} {part}"
            shared[place] = max(shared.get(place, 0), mapping.shared_clean + mapping.shared_dirty)
    return (total + sum(shared.values())) / 1e6


def proportional_mb(pid: int) -> float:
    """Proportional set size of a process tree as the kernel counts it: less, where strangers map the same files."""
    total = 0
    for process in tree(pid):
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6
