"""Children are confined, heard and stopped: small real processes, no doubles."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from modelyard.contracts.progress import Progress
from tests.workers.installation import wait_until
from workers.relaying import LONGEST_LINE, Lines, Relay
from workers.supervising import Ending, Limits, Outcome, bare_environment, supervise


class Listener:
    """Remembers what was said; `decide` is asked at every look."""

    def __init__(self, decide: Callable[[], Ending | None] = lambda: None) -> None:
        self.said: list[Progress] = []
        self.decide = decide

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        self.said += said
        return None

    def look(self) -> Ending | None:
        return self.decide()


def run(folder: Path, script: str, listener: Listener | None = None, **limits: object) -> Outcome:
    return supervise(
        [sys.executable, "-c", script],
        folder=folder,
        environment=bare_environment(folder),
        limits=Limits(**{"wall_seconds": 30, **limits}),  # type: ignore[arg-type]
        attendant=listener or Listener(),
    )


def test_a_child_that_ends_well_is_heard_and_measured(tmp_path: Path) -> None:
    listener = Listener()
    script = 'print(\'{"event": "epoch", "epoch": 1}\'); print(\'plain words\'); sum(range(10**7))'
    outcome = run(tmp_path, script, listener)
    assert (outcome.ending, outcome.returncode) == (Ending.FINISHED, 0)
    assert [one.event for one in listener.said] == ["epoch", "log"]
    assert outcome.cpu_seconds > 0.05
    assert outcome.wall_seconds > 0.05


def test_memory_is_measured(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import time; kept = b'x' * 200_000_000; time.sleep(4)")
    assert 200_000_000 < outcome.peak_memory_bytes < 400_000_000


def test_a_failure_that_was_told_is_a_failure(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'print(\'{"event": "failure", "code": "x"}\'); raise SystemExit(3)')
    assert outcome.ending == Ending.FAILED
    assert outcome.failure is not None
    assert outcome.failure.code == "x"


def test_a_crash_leaves_its_last_words(tmp_path: Path) -> None:
    outcome = run(tmp_path, "raise RuntimeError('what happened')")
    assert (outcome.ending, outcome.returncode) == (Ending.CRASHED, 1)
    assert outcome.tail[-1] == "RuntimeError: what happened"


def test_a_signal_is_told(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import os; os.kill(os.getpid(), 11)")
    assert (outcome.ending, outcome.returncode) == (Ending.CRASHED, -signal.SIGSEGV)


def test_address_space_is_limited(tmp_path: Path) -> None:
    outcome = run(tmp_path, "b'x' * 10**9", address_bytes=500_000_000)
    assert outcome.ending == Ending.OUT_OF_MEMORY


def test_resident_memory_is_watched(tmp_path: Path) -> None:
    script = "import time; kept = b'x' * 300_000_000; time.sleep(60)"
    outcome = run(tmp_path, script, resident_bytes=100_000_000)
    assert outcome.ending == Ending.OUT_OF_MEMORY


def test_file_size_and_processor_time_are_limited(tmp_path: Path) -> None:
    assert run(tmp_path, "open('f', 'wb').write(b'x' * 10**6)", file_bytes=1000).ending == Ending.CRASHED
    assert run(tmp_path, "while True: pass", cpu_seconds=1).ending in (Ending.TIMED_OUT, Ending.CRASHED)


def test_a_child_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import time; time.sleep(60)", wall_seconds=1)
    assert outcome.ending == Ending.TIMED_OUT
    assert outcome.wall_seconds < 30


@pytest.mark.parametrize("ending", [Ending.CANCELLED, Ending.INTERRUPTED, Ending.LOST])
def test_a_child_is_stopped_when_its_attendant_says_so(tmp_path: Path, ending: Ending) -> None:
    outcome = run(tmp_path, "import time; time.sleep(60)", Listener(lambda: ending))
    assert outcome.ending == ending


def test_a_child_that_does_not_heed_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.supervising.STOP_SECONDS", 1.0)
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    listener = Listener()
    listener.decide = lambda: Ending.CANCELLED if listener.said else None
    outcome = run(tmp_path, script, listener)
    assert (outcome.ending, outcome.returncode) == (Ending.CANCELLED, -signal.SIGKILL)


def test_grandchildren_do_not_outlive_the_child(tmp_path: Path) -> None:
    script = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"
    listener = Listener()
    assert run(tmp_path, script, listener).ending == Ending.FINISHED
    pid = int(listener.said[0].message or 0)
    wait_until(lambda: has_ended(pid), "the grandchild to end")


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_environment_is_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "MODELYARD_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    listener = Listener()
    run(tmp_path, "import os; print(sorted(os.environ))", listener)
    shown = listener.said[0].message or ""
    assert "secret" not in shown.lower()
    assert "DATABASE_URL" not in shown
    assert "REDIS_URL" not in shown


def test_the_network_is_out_of_reach_where_the_kernel_allows(tmp_path: Path) -> None:
    if os.system("unshare --user --net true 2>/dev/null") != 0:
        pytest.skip("this kernel gives no network namespace to ordinary processes")
    listener = Listener()
    ask = "s.connect_ex((%r, 53))"
    script = f"import socket; s = socket.socket(); s.settimeout(2); print({ask % '127.0.0.1'}, {ask % '1.1.1.1'})"
    run(tmp_path, script, listener)
    assert listener.said[0].message == "101 101"


def test_a_flood_of_words_is_bounded(tmp_path: Path) -> None:
    listener = Listener()
    outcome = run(tmp_path, "for n in range(200_000): print('words', n)", listener)
    assert outcome.ending == Ending.FINISHED
    assert len(listener.said) < 500
    assert "more lines are not shown" in (listener.said[-1].message or "")


def test_a_line_without_end_is_cut_off() -> None:
    lines = Lines()
    cut = [line for _ in range(100) for line in lines.feed(b"x" * 10_000)]
    assert [len(line) for line in cut] == [LONGEST_LINE]
    assert lines.feed(b"rest\nnext\n") == ["next"]


def test_of_many_steps_the_newest_counts() -> None:
    relay = Relay()
    for step in range(1000):
        relay.feed("out", Progress(event="step", step=step).to_line().encode() + b"\n")
    relay.feed("out", Progress(event="epoch", epoch=1).to_line().encode() + b"\n")
    assert [(one.event, one.step) for one in relay.collect()] == [("step", 999), ("epoch", None)]


@pytest.mark.parametrize(
    "line", [b"{}", b"[]", b"null", b'{"event": "step", "nonsense": 1}', b"\xff\xfe", b"\x00", b'{"event":']
)
def test_what_is_no_progress_is_log_text_at_most(line: bytes) -> None:
    relay = Relay()
    relay.feed("out", line + b"\n")
    assert {one.event for one in relay.collect()} <= {"log"}


def test_two_children_at_once_do_not_mix(tmp_path: Path) -> None:
    listeners = [Listener(), Listener()]
    threads = [
        threading.Thread(target=run, args=(tmp_path, f"import time; print('child {n}'); time.sleep(0.3)", listener))
        for n, listener in enumerate(listeners)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[one.message for one in listener.said] for listener in listeners] == [["child 0"], ["child 1"]]


def test_it_is_quick_to_see_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_SECONDS", "STOP_SECONDS", "DRAIN_SECONDS"):
        monkeypatch.setattr(f"workers.supervising.{name}", 60.0)
    began = time.monotonic()
    run(tmp_path, "pass")
    assert time.monotonic() - began < 30, "it waits for none of these"
