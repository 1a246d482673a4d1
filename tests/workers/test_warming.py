"""A trainer waits before its run is there: real processes, each of which does one run and ends."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from modelyard.contracts.order import Order
from tests.workers.installation import Installation, wait_until
from workers import warming
from workers.supervising import Limits
from workers.warming import TrainerKeeper

ECHO = "import sys; line = sys.stdin.readline(); sys.exit(7 if line else 0)"
PLENTY = 2 * 1024**3


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(warming, "LOOK_SECONDS", 0.2)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that are watched for changes."""
    (tmp_path / "program").mkdir()
    (tmp_path / "program" / "part.py").write_text("first = 1")
    monkeypatch.setattr(warming, "CODE", (tmp_path / "program",))
    return tmp_path / "program"


@pytest.fixture
def keepers(program: Path) -> Iterator[list[TrainerKeeper]]:
    made: list[TrainerKeeper] = []
    yield made
    for keeper in made:
        keeper.end()


def make_keeper(keepers: list[TrainerKeeper], idle_bytes: int = PLENTY) -> TrainerKeeper:
    command = (sys.executable, "-c", ECHO)
    keeper = TrainerKeeper(devices="-1", limits=Limits(wall_seconds=0.0), idle_bytes=idle_bytes, command=command)
    keepers.append(keeper)
    return keeper


def keep(keepers: list[TrainerKeeper], idle_bytes: int = PLENTY) -> TrainerKeeper:
    keeper = make_keeper(keepers, idle_bytes)
    keeper.begin()
    return keeper


def wait_for_one(keeper: TrainerKeeper, *others: int) -> int:
    def found() -> int | None:
        return keeper.waiting if keeper.waiting not in others else None

    return int(wait_until(found, "a warm trainer"))


def make_order(folder: Path) -> Order:
    return Order(folder=str(folder), artifact="a", scratch=str(folder), asked_at=time.time(), seconds=60.0)


def test_the_one_that_waits_gets_the_run_and_the_next_one_comes_after_it(
    keepers: list[TrainerKeeper], tmp_path: Path
) -> None:
    keeper = keep(keepers)
    warm = wait_for_one(keeper)
    trainer = keeper.start(make_order(tmp_path))
    assert trainer.process.pid == warm
    assert trainer.process.wait(60) == 7
    assert keeper.waiting is None, "none is started beside a run"
    keeper.rest(trainer)
    assert wait_for_one(keeper) != warm


def test_one_that_dies_is_replaced(keepers: list[TrainerKeeper]) -> None:
    keeper = keep(keepers)
    warm = wait_for_one(keeper)
    os.kill(warm, signal.SIGKILL)
    assert wait_for_one(keeper, warm) != warm


def test_one_that_has_just_died_is_not_given_a_run(keepers: list[TrainerKeeper], tmp_path: Path) -> None:
    keeper = make_keeper(keepers)
    keeper.look()
    warm = wait_for_one(keeper)
    os.kill(warm, signal.SIGKILL)
    wait_until(lambda: psutil.Process(warm).status() == psutil.STATUS_ZOMBIE, "it to die")
    trainer = keeper.start(make_order(tmp_path))
    assert trainer.process.pid != warm
    assert trainer.process.wait(60) == 7


def test_a_program_that_has_changed_is_loaded_anew(keepers: list[TrainerKeeper], program: Path, tmp_path: Path) -> None:
    keeper = keep(keepers)
    warm = wait_for_one(keeper)
    (program / "part.py").write_text("second = 2")
    trainer = keeper.start(make_order(tmp_path))
    assert trainer.process.pid != warm
    trainer.process.wait(60)
    keeper.rest(trainer)
    (program / "another.py").write_text("third = 3")
    next_one = wait_for_one(keeper, warm)
    (program / "another.py").unlink()
    assert wait_for_one(keeper, warm, next_one)


def test_what_takes_too_much_memory_is_not_kept(keepers: list[TrainerKeeper], tmp_path: Path) -> None:
    keeper = keep(keepers, idle_bytes=1024)
    wait_until(lambda: keeper.has_given_up, "the keeper to give up")
    assert keeper.waiting is None
    trainer = keeper.start(make_order(tmp_path))
    assert trainer.process.wait(60) == 7, "runs are trained all the same"


def test_none_is_kept_where_it_is_switched_off(keepers: list[TrainerKeeper], tmp_path: Path) -> None:
    keeper = keep(keepers, idle_bytes=0)
    assert keeper.waiting is None
    assert keeper.start(make_order(tmp_path)).process.wait(60) == 7


def test_it_knows_no_secret_and_has_no_network(keepers: list[TrainerKeeper], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_SECRET_KEY", "secret")
    waiting = psutil.Process(wait_for_one(keep(keepers)))
    wait_until(lambda: waiting.cmdline()[1] == "-c", "it to be confined")
    assert not {"MODELYARD_SECRET_KEY", "DATABASE_URL", "REDIS_URL"} & set(waiting.environ())
    assert waiting.environ()["CUDA_VISIBLE_DEVICES"] == "-1"


def test_it_dies_with_its_worker(installation: Installation) -> None:
    worker = installation.start_trainer()
    waiting = wait_until(
        lambda: [p for p in psutil.Process(worker.pid).children() if "small_training.py" in " ".join(p.cmdline())],
        "a warm trainer",
    )[0]
    worker.kill()
    worker.wait()
    wait_until(lambda: not waiting.is_running() or waiting.status() == psutil.STATUS_ZOMBIE, "it to die")
