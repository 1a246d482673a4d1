"""QTA-04: what many predictors grant together is the rate, to one per cent; alone without Redis, each its share."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

from tests.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 16
CALLS = 12_500
RATE = 2000
PATIENCE = 300


def call_from(processes: int, url: str, *, sharers: int, calls: int) -> list[dict[str, float]]:
    numbers = [str(number) for number in (RATE, sharers, calls)]
    command = [sys.executable, "-m", "tests.serving.rate_caller", url, str(uuid.uuid4()), *numbers]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    callers = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) for _ in range(processes)]
    said = [caller.communicate(timeout=PATIENCE)[0] for caller in callers]
    assert [caller.returncode for caller in callers] == [0] * processes
    return [json.loads(text) for text in said]


def test_sixteen_processes_are_granted_the_rate_and_one_full_bucket(redis_server: str) -> None:
    """200,000 calls, many times the rate. Idle for a second the bucket is full and loses tokens: no more is missing."""
    callers = call_from(PROCESSES, redis_server, sharers=1, calls=CALLS)
    window = max(one["ended"] for one in callers) - min(one["began"] for one in callers)
    granted = sum(one["granted"] for one in callers)
    assert granted <= RATE * window + RATE + 1
    assert granted >= 0.99 * RATE * window
    assert granted < PROCESSES * CALLS


def test_without_redis_each_predictor_grants_its_share() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    (alone,) = call_from(1, nowhere, sharers=4, calls=CALLS)
    window = alone["ended"] - alone["began"]
    assert alone["granted"] <= RATE / 4 * window + 1
    assert alone["granted"] >= 0.5 * RATE / 4 * window
