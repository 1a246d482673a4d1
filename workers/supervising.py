"""Running a child process for somebody: confined, measured, heard, and stopped when it has to be.

The child gets a bare environment (no address or secret of ours), a session of its own, limits, and, where the kernel
allows it, no network. It dies with the worker, even one that is killed.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from modelyard.contracts.progress import Progress
from modelyard.environment import ROOT
from workers.measuring import Meter, count_oom_kills
from workers.relaying import Relay

CONFINING = Path(__file__).with_name("confining.py")
TICK_SECONDS = 0.25
LOOK_SECONDS = 1.0
STOP_SECONDS = 10.0
DRAIN_SECONDS = 2.0
CHUNK = 64 * 1024
MEMORY_WORDS = (
    "MemoryError",
    "std::bad_alloc",
    "ResourceExhaustedError",
    "OOM when allocating",
    "CUDA_ERROR_OUT_OF_MEMORY",
)


class Ending(StrEnum):
    """How the child came to its end."""

    FINISHED = "finished"
    FAILED = "failed"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out_of_memory"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a child may take; 0 means no limit. `resident_bytes` is watched, the others the kernel keeps."""

    wall_seconds: float
    address_bytes: int = 0
    resident_bytes: int = 0
    cpu_seconds: int = 0
    file_bytes: int = 0
    open_files: int = 4096
    isolate: bool = True

    def to_orders(self) -> str:
        limits = {
            "RLIMIT_AS": self.address_bytes,
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_NOFILE": self.open_files,
        }
        kept = {name: value for name, value in limits.items() if value} | {"RLIMIT_CORE": 0}
        return json.dumps({"parent": os.getpid(), "limits": kept, "isolate": self.isolate})


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How it ended, what it said last, and what it took."""

    ending: Ending
    returncode: int
    failure: Progress | None
    done: Progress | None
    tail: tuple[str, ...]
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int


class Attendant(Protocol):
    """Whom the child works for."""

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        """Take what the child said; an ending stops it."""
        ...

    def look(self) -> Ending | None:
        """Asked about once a second: None to go on, else why to stop."""
        ...


class Silent:
    """An attendant that wants nothing and hears nothing."""

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        return None

    def look(self) -> Ending | None:
        return None


def bare_environment(home: Path, *, devices: str = "-1") -> dict[str, str]:
    """All that a child knows of its surroundings; `devices` are the GPUs it may see."""
    return {
        "PATH": os.defpath,
        "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "CUDA_VISIBLE_DEVICES": devices,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_HOME": str(home),
    }


def launch(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limits: Limits,
    stdin: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start `command`, confined, in `folder`. It is killed when the thread that calls this ends."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(CONFINING), limits.to_orders(), *command],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
    )


def supervise(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], limits: Limits, attendant: Attendant
) -> Outcome:
    """Run `command` in `folder` until it ends or has to be stopped; never raises for what the child does."""
    process = launch(command, folder=folder, environment=environment, limits=limits)
    return watch_over(process, limits=limits, attendant=attendant)


def watch_over(process: "subprocess.Popen[bytes]", *, limits: Limits, attendant: Attendant) -> Outcome:
    """Hear and measure a child that was launched, until it ends or has to be stopped."""
    oom_kills = count_oom_kills()
    watch = _Watch(process=process, limits=limits, attendant=attendant, meter=Meter(process.pid))
    try:
        watch.run()
    finally:
        watch.end()
    ending = watch.stopped or _classify(process.returncode, watch.relay, count_oom_kills() > oom_kills)
    return Outcome(
        ending=ending,
        returncode=process.returncode,
        failure=watch.relay.failure,
        done=watch.relay.done,
        tail=tuple(watch.relay.tail),
        wall_seconds=watch.meter.wall_seconds,
        cpu_seconds=watch.cpu_seconds,
        peak_memory_bytes=watch.meter.peak,
    )


@dataclass(kw_only=True)
class _Watch:
    """One child being watched."""

    process: "subprocess.Popen[bytes]"
    limits: Limits
    attendant: Attendant
    meter: Meter
    relay: Relay = field(default_factory=Relay)
    stopped: Ending | None = None
    kill_at: float = 0.0
    looked_at: float = 0.0
    cpu_seconds: float = 0.0

    def run(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream, name in ((self.process.stdout, "out"), (self.process.stderr, "err")):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ, name)
            while not self._exited():
                self._listen(selector, TICK_SECONDS)
                self._heed(self.attendant.hear(self.relay.collect()))
                self._look()
            self._signal(signal.SIGKILL)
            until = time.monotonic() + DRAIN_SECONDS
            while self._listen(selector, 0) and time.monotonic() < until:
                pass

    def end(self) -> None:
        """Leave nothing behind: no process of the group, no open pipe, nothing unsaid."""
        self._signal(signal.SIGKILL)
        _pid, status, took = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_seconds = took.ru_utime + took.ru_stime
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        self.relay.end()
        if self.stopped != Ending.LOST:
            self._heed(self.attendant.hear(self.relay.collect()))

    def _listen(self, selector: selectors.BaseSelector, seconds: float) -> bool:
        """Read what there is; False where there was nothing."""
        heard = False
        for key, _mask in selector.select(seconds):
            content = os.read(key.fd, CHUNK)
            if content:
                self.relay.feed(key.data, content)
                heard = True
            else:
                selector.unregister(key.fileobj)
        if not selector.get_map() and seconds:
            time.sleep(seconds)
        return heard

    def _look(self) -> None:
        now = time.monotonic()
        if self.stopped and now >= self.kill_at:
            self._signal(signal.SIGKILL)
        if now - self.looked_at < LOOK_SECONDS:
            return
        self.looked_at = now
        self.meter.sample()
        if self.limits.resident_bytes and self.meter.resident > self.limits.resident_bytes:
            self._heed(Ending.OUT_OF_MEMORY)
        if self.meter.wall_seconds > self.limits.wall_seconds:
            self._heed(Ending.TIMED_OUT)
        self._heed(self.attendant.look())

    def _heed(self, order: Ending | None) -> None:
        """Begin to stop the child; the first reason counts. What is lost, too large or too late is not asked
        politely."""
        if order is None or self.stopped is not None:
            return
        self.stopped = order
        polite = order not in (Ending.LOST, Ending.OUT_OF_MEMORY, Ending.TIMED_OUT)
        self._signal(signal.SIGTERM if polite else signal.SIGKILL)
        self.kill_at = time.monotonic() + STOP_SECONDS

    def _exited(self) -> bool:
        """Whether the child has ended; it stays a zombie, so that its process group is nobody else's yet."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def _classify(returncode: int, relay: Relay, oom_kill: bool) -> Ending:
    if relay.failure is not None:
        return Ending.FAILED
    if returncode == 0:
        return Ending.FINISHED
    starved = any(word in line for line in relay.tail for word in MEMORY_WORDS)
    if starved or (returncode == -signal.SIGKILL and oom_kill):
        return Ending.OUT_OF_MEMORY
    if returncode == -signal.SIGXCPU:
        return Ending.TIMED_OUT
    return Ending.CRASHED
