"""A deploy: every process is asked to stop and a successor started, one after the other, under load."""

import shutil
import signal
import threading
from collections import Counter

import pytest
import requests

from tests.faults.yard import Yard

CALLERS = 4
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")]


class Load:
    """Callers that predict without a pause and without ever trying again."""

    def __init__(self, yard: Yard, url: str) -> None:
        self.answered: Counter[int] = Counter()
        self.broken: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(yard, url)) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self, yard: Yard, url: str) -> None:
        with requests.Session() as session:
            while not self._over.is_set():
                try:
                    self.answered[yard.predict(url, session).status_code] += 1
                except requests.RequestException as fault:
                    self.broken.append(str(fault))

    def stop(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def test_a_deploy_fails_no_prediction_and_loses_no_run(yard: Yard) -> None:
    """REL-20: predictors, trainer and web in turn; what was acknowledged comes to its end."""
    for name in ("first", "second"):
        yard.start_predictor(name)
    url = yard.start_proxy()
    yard.start_trainer("old")
    long = yard.ask_for_run(url, epochs=40, seconds=0.3).json()["id"]
    yard.wait_for_run(long, lambda run: (run["progress"]["epoch"] or 0) >= 2)
    load = Load(yard, url)
    for name in ("first", "second"):
        yard.terminate(name)
        yard.start_predictor(name)
    yard.start_trainer("new")
    yard.terminate("old")
    submitted = [yard.ask_for_run(url, epochs=2)]
    yard.web.stop(signal.SIGTERM)
    submitted.append(yard.ask_for_run(url, epochs=2))
    yard.web.start()
    submitted.append(yard.ask_for_run(url, epochs=2))
    acknowledged = [long, *(answer.json()["id"] for answer in submitted if answer.status_code == 201)]
    for run in acknowledged:
        ended = yard.wait_for_run(run, lambda shown: shown["state"] not in ("queued", "running"))
        assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    load.stop()
    assert load.broken == []
    assert set(load.answered) == {200}
    assert [answer.status_code for answer in submitted] == [201, 502, 201], "the web answers, or the proxy says no"
    lines = requests.get(f"{url}/api/v1/runs/{long}/log", headers=yard.web.headers, timeout=60).json()["results"]
    begun = [line["message"] for line in lines if line["message"].startswith("begins after epoch")]
    assert len(begun) == 2
    assert int(begun[1].rpartition(" ")[2]) >= 2, "it went on from its checkpoint"
    yard.check()
