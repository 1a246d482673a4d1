"""A predictor that is killed comes back by itself, under the launcher that keeps all services alive."""

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import requests

from modelyard.contracts.route import Target
from modelyard.launching.services import Roof, Service
from tests.conftest import free_port
from tests.serving import artifacts
from tests.serving.conftest import PEPPER, ROOT, Platform, wait_for


@pytest.fixture
def roof(tmp_path: Path) -> Iterator[Roof]:
    roof = Roof(tmp_path / "logs", lambda line: None)
    yield roof
    roof.stop()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_srv_06_a_predictor_that_is_killed_is_started_again_and_answers(
    platform: Platform, roof: Roof, classifier: Target, key: str, redis_server: str, tmp_path: Path, processes: str
) -> None:
    """SRV-06: kill -9, again and again; whoever comes a moment later is answered."""
    platform.publish_route("people", classifier)
    port = free_port()
    service = Service(
        name="predictor",
        command=[sys.executable, "-m", "workers.serving"],
        environment={
            "PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}",
            "MODELYARD_HOME": str(tmp_path),
            "MODELYARD_PREDICT_HOST": "127.0.0.1",
            "MODELYARD_PREDICT_PORT": str(port),
            "MODELYARD_PREDICT_GRPC_PORT": "0",
            "MODELYARD_PREDICT_PROCESSES": processes,
            "MODELYARD_KEY_PEPPER": PEPPER,
            "REDIS_URL": redis_server,
        },
    )

    def answers(former: object = None) -> bool:
        roof.revive()
        if service.process is former:
            return False
        headers, body = {"Authorization": f"Bearer {key}"}, {"instances": [artifacts.ROW]}
        url = f"http://127.0.0.1:{port}/v1/models/people:predict"
        try:
            return requests.post(url, json=body, headers=headers, timeout=60).status_code == 200
        except requests.ConnectionError:
            return False

    roof.start(service)
    wait_for(answers, 120)
    for _ in range(2):
        former = service.process
        assert former is not None
        former.kill()
        former.wait(60)
        wait_for(partial(answers, former), 120)
