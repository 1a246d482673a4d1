"""Several processes behind one port: all answer, one that dies is replaced, limits and usage hold for all together."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from modelyard.contracts.route import Target
from tests.conftest import free_port
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from workers.serving.siblings import count_cores, reserve

COUNT = 2


@pytest.fixture
def pair(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> Iterator[PredictorProcess]:
    """Two processes that have loaded `people`."""
    platform.publish_route("people", classifier)
    predictor = start(MODELYARD_PREDICT_PROCESSES=str(COUNT))
    wait_for(lambda: len(reports(platform)) == COUNT, 120, predictor.log)
    wait_for(lambda: predictor.health() == 200, log=predictor.log)
    yield predictor
    for child in children(predictor):
        with suppress(psutil.NoSuchProcess):
            child.kill()


def children(predictor: PredictorProcess) -> list[psutil.Process]:
    try:
        return psutil.Process(predictor.process.pid).children()
    except psutil.NoSuchProcess:
        return []


def reports(platform: Platform) -> dict[str, str]:
    found = platform.redis.hgetall("modelyard:predictors")
    return {name: raw for name, raw in found.items() if '"live"' in raw}


def ask(predictor: PredictorProcess, key: str) -> int | None:
    """One call over a connection of its own."""
    try:
        return predictor.predict("people", key, artifacts.ROW).status_code
    except requests.ConnectionError:
        return None


def test_all_processes_answer_and_their_usage_adds_up(pair: PredictorProcess, platform: Platform, key: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: ask(pair, key), range(60))) == {200}
    names = set(reports(platform))
    assert len(names) == COUNT
    wait_for(lambda: sum(usage.requests for usage in platform.usage()) >= 60)
    assert sum(usage.predictions for usage in platform.usage()) == 60
    told = [platform.redis.get(f"modelyard:told:{name}") for name in names]
    assert all(told), "each of them has told what it answered"


@pytest.fixture
def fifty(platform: Platform) -> int:
    """So many predictions a month, published before any predictor starts: all of them know it from the first call."""
    platform.publish_limits(predictions_per_month=50)
    return 50


def test_a_limit_holds_for_all_of_them_together(
    fifty: int, pair: PredictorProcess, platform: Platform, key: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(pair, key), range(120)))
    assert set(statuses) == {200, 429}
    assert statuses.count(200) <= fifty
    wait_for(lambda: sum(usage.predictions for usage in platform.usage()) == fifty)


def test_a_process_that_is_killed_is_replaced(pair: PredictorProcess, key: str) -> None:
    victim = children(pair)[0]
    victim.kill()
    wait_for(lambda: victim.pid not in {child.pid for child in children(pair)} and len(children(pair)) == COUNT)
    wait_for(lambda: ask(pair, key) == 200)
    assert pair.process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_processes_end_with_their_parent(pair: PredictorProcess, number: signal.Signals) -> None:
    own = children(pair)
    assert len(own) == COUNT
    pair.process.send_signal(number)
    assert pair.process.wait(60) == 0
    assert not any(child.is_running() for child in own)
    assert pair.health() is None


def test_no_process_outlives_a_parent_that_was_killed(pair: PredictorProcess) -> None:
    own = children(pair)
    pair.process.kill()
    pair.process.wait(60)
    wait_for(lambda: not any(child.is_running() for child in own))


def test_draining_answers_what_was_asked(pair: PredictorProcess, key: str) -> None:
    """Over connections that stay open every call is answered, until an answer says that the connection closes."""

    def ask_until_told() -> list[int]:
        statuses = []
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            while True:
                try:
                    answer = session.post(
                        f"{pair.url}/v1/models/people:predict", json={"instances": [artifacts.ROW]}, timeout=60
                    )
                except requests.ConnectionError as fault:
                    if not statuses or "Connection refused" not in str(fault):
                        raise
                    return statuses  # it was closed while this thread slept; nothing was lost
                statuses.append(answer.status_code)
                if len(statuses) == 1:
                    begun.wait(60)
                if answer.headers.get("connection") == "close":
                    return statuses

    begun = threading.Barrier(5)
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask_until_told) for _ in range(4)]
        begun.wait(60)
        pair.process.send_signal(signal.SIGTERM)
        assert all(set(one.result()) == {200} for one in asking)
    assert pair.process.wait(60) == 0


def test_a_port_that_is_taken_is_told(pair: PredictorProcess) -> None:
    environment = {**os.environ, "MODELYARD_PREDICT_PORT": str(pair.port), "MODELYARD_PREDICT_PROCESSES": "2"}
    environment |= {"MODELYARD_HOME": str(pair.log.parent), "PYTHONPATH": "platform:."}
    command = [sys.executable, "-m", "workers.serving"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{pair.port}" in done.stderr


def test_a_reserved_port_takes_no_connections() -> None:
    port = free_port()
    with reserve("127.0.0.1", port), pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/", timeout=2)


def test_the_cores_are_those_that_may_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usable = len(os.sched_getaffinity(0))
    for text, wanted in (("max 100000", usable), ("50000 100000", 1), ("9900000 100000", usable), ("?", usable)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr("workers.serving.siblings.CPU_MAX", tmp_path / "cpu.max")
        assert count_cores() == wanted
