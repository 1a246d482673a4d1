"""SIGTERM: what was taken in is answered, what was counted is told, then the process ends."""

import signal
import threading
from collections import Counter

import pytest
import requests

from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from tests.serving.test_http import Line


def test_srv_05_it_drains_under_load_without_losing_an_answer(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    """SRV-05: after SIGTERM it is unready first, answers whatever it was asked, and ends."""
    platform.publish_limits(predictions_per_month=100_000)
    answered: Counter[int] = Counter()
    broken: list[str] = []
    stopped = threading.Event()

    def call() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            while not stopped.is_set():
                try:
                    body = {"instances": [artifacts.ROW]}
                    answer = session.post(predictor.url + "/v1/models/people:predict", json=body, timeout=60)
                except requests.ConnectionError as fault:
                    if "Connection refused" in str(fault):
                        return
                    broken.append(str(fault))
                    return
                answered[answer.status_code] += 1

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: answered[200] > 200)
    predictor.process.send_signal(signal.SIGTERM)
    wait_for(lambda: predictor.health() in (503, None))
    assert predictor.process.wait(60) == 0
    stopped.set()
    for thread in threads:
        thread.join()
    assert broken == []
    assert answered.keys() == {200}
    assert sum(usage.requests for usage in platform.usage()) == answered[200]
    assert platform.report() == {}


def test_a_request_that_is_half_sent_is_awaited(predictor: PredictorProcess, key: str) -> None:
    class Half:
        pass

    half = Half()
    half.key, half.predictor = key, predictor  # type: ignore[attr-defined]
    with Line(half) as line:  # type: ignore[arg-type]
        request = line.compose()
        line.send(request[:-10])
        predictor.process.send_signal(signal.SIGTERM)
        wait_for(lambda: predictor.health() is None)
        line.send(request[-10:])
        status, headers, _ = line.answer()
        assert (status, headers["connection"]) == (200, "close")
    assert predictor.process.wait(60) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_without_load_it_ends_soon(predictor: PredictorProcess, number: signal.Signals) -> None:
    predictor.process.send_signal(number)
    assert predictor.process.wait(60) == 0
