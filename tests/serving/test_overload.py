"""More than can be done: what is refused is refused at once and in words, what was accepted is answered."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import PEPPER, ROOT, Platform, PredictorProcess, Shared
from tests.serving.test_http import Line


def test_a_full_queue_refuses_and_goes_on(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> None:
    platform.publish_route("people", classifier)
    predictor = start(MODELYARD_PREDICT_MAX_QUEUED_REQUESTS="3").wait_until_ready()
    with Line(SimpleNamespace(key=key, predictor=predictor)) as line:
        line.send(line.compose() * 50)
        answers = [line.answer() for _ in range(50)]
        counts = Counter(status for status, _, _ in answers)
        assert counts.keys() == {200, 503}
        assert counts[200] >= 3
        refused = next(answer for answer in answers if answer[0] == 503)
        assert refused[1]["retry-after"] in ("1", "2")
        assert "too many calls wait" in orjson.loads(refused[2])["error"]
        line.send(line.compose())
        assert line.answer()[0] == 200


def test_srv_03_far_more_than_can_be_done_is_answered_or_refused_and_then_all_is_well(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> None:
    """SRV-03: every call gets an answer; what is accepted is right, what is refused says when to come back."""
    platform.publish_route("people", classifier)
    predictor = start(MODELYARD_PREDICT_MAX_QUEUED_REQUESTS="16").wait_until_ready()
    wanted = artifacts.predict(Path(classifier.artifact), [artifacts.ROW])[0]["score"]
    rows = 40
    body = orjson.dumps({"instances": [artifacts.ROW] * rows})
    lines = [Line(SimpleNamespace(key=key, predictor=predictor)) for _ in range(30)]
    counts: Counter[int] = Counter()
    waits: Counter[str] = Counter()
    for line in lines:
        line.send(line.compose(body) * 60)
    for line in lines:
        for _ in range(60):
            status, headers, content = line.answer()
            counts[status] += 1
            if status == 200:
                scores = [prediction["score"] for prediction in orjson.loads(content)["predictions"]]
                assert scores == pytest.approx([wanted] * rows, abs=1e-5)
            else:
                waits[headers["retry-after"]] += 1
        line.socket.close()
    assert counts.keys() == {200, 503}
    assert counts.total() == 30 * 60
    assert waits.keys() == {"1", "2"}, "not everybody is told to come back at the same time"
    for _ in range(20):
        assert predictor.predict("people", key, artifacts.ROW).status_code == 200


def test_too_many_connections_are_refused_with_words(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> None:
    platform.publish_route("people", classifier)
    predictor = start(MODELYARD_PREDICT_MAX_CONNECTIONS="4").wait_until_ready()
    source = SimpleNamespace(key=key, predictor=predictor)
    lines = [Line(source) for _ in range(4)]
    for line in lines:
        line.send(line.compose())
        assert line.answer()[0] == 200
    with Line(source) as late:
        assert late.answer()[0] == 503
        assert late.ended()
    lines.pop().socket.close()
    for line in lines:
        line.send(line.compose())
        assert line.answer()[0] == 200
        line.socket.close()


def test_a_call_whose_deadline_has_passed_is_not_computed(shared: Shared) -> None:
    headers = {"X-Request-Timeout-Ms": "0"}
    answer = shared.post("/v1/models/people:predict", json={"instances": [artifacts.ROW]}, headers=headers)
    assert answer.status_code == 504


def test_a_taken_port_and_an_odd_setting_are_told(predictor: PredictorProcess) -> None:
    def start_with(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin", "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "MODELYARD_KEY_PEPPER": PEPPER}
        command = [sys.executable, "-m", "workers.serving"]
        return subprocess.run(command, cwd=ROOT, env={**environment, **variables}, capture_output=True, text=True)

    taken = start_with(MODELYARD_PREDICT_PORT=str(predictor.port))
    assert taken.returncode == 1
    assert f"cannot listen on 127.0.0.1:{predictor.port}" in taken.stderr
    odd = start_with(MODELYARD_PREDICT_PORT="many")
    assert odd.returncode == 2
    assert "MODELYARD_PREDICT_PORT must be a whole number" in odd.stderr
