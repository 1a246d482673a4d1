"""More models than memory holds: measured when they load, put away when unused, loaded once for however many ask."""

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import psutil
import pytest

from modelyard.contracts import artifact
from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from tests.serving.lives import state_of, unreadable, version_of, write_large

BUDGET = 2_000_000
SIZE = 600_000
WAITERS = 64


def test_srv_07_models_leave_memory_by_their_last_use_and_come_back(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    """SRV-07: eight models in the memory of three; every answer is right, and the budget holds."""
    names = [f"model-{number}" for number in range(8)]
    wanted = {}
    for number, name in enumerate(names):
        platform.publish_route(name, write_large(tmp_path / name, size=SIZE, seed=number))
        wanted[name] = artifacts.predict(tmp_path / name, [artifacts.ROW])[0]["score"]
    predictor = start(MODELYARD_PREDICT_MEMORY_BYTES=str(BUDGET)).wait_until_ready()
    for name in [*names, *names[:2] * 5, *reversed(names)]:
        answer = predictor.predict(name, key, artifacts.ROW)
        assert version_of(answer) == 1
        assert answer.json()["predictions"][0]["score"] == pytest.approx(wanted[name], abs=1e-6)
    log = predictor.log.read_text()
    assert most_loaded(log) <= BUDGET // SIZE + 1
    hot = log.rpartition("loaded model-1 ")[2].count("loaded model-0")
    assert hot <= 1, "the models in constant use stay"
    wait_for(lambda: all(state_of(platform, name).get("state") == "live" for name in names))


def most_loaded(log: str) -> int:
    """How many models were in memory at once, as the log tells it."""
    present: set[str] = set()
    most = 0
    for loaded, put_away in re.findall(r"loaded (model-\d+) |put (model-\d+) away", log):
        present.add(loaded) if loaded else present.discard(put_away)
        most = max(most, len(present))
    return most


def test_srv_12_five_hundred_first_calls_of_a_cold_model_wait_for_one_load(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    """SRV-12: exactly one load, no more waiters than the queue may hold, 503 for the rest."""
    for name in ("cold", "other", "third"):
        platform.publish_route(name, write_large(tmp_path / name))
    predictor = start(
        MODELYARD_PREDICT_MEMORY_BYTES="1048576",
        MODELYARD_PREDICT_MAX_QUEUED_REQUESTS=str(WAITERS),
        MODELYARD_PREDICT_DEADLINE_MS="60000",
    ).wait_until_ready()
    for name in ("cold", "other", "third"):
        assert version_of(predictor.predict(name, key, artifacts.ROW)) == 1
    loads = predictor.log.read_text().count("loaded cold")

    statuses = asyncio.run(call_while_it_cannot_load(predictor, key, tmp_path / "cold" / artifact.CORE_ONNX))

    assert statuses == {200: WAITERS, 503: 500 - WAITERS}
    assert predictor.log.read_text().count("loaded cold") == loads + 1


async def call_while_it_cannot_load(predictor: PredictorProcess, key: str, core: Path) -> Counter[int]:
    """Make 500 calls of `cold`; let it load once everybody who is to be refused has been."""
    body = orjson.dumps({"instances": [artifacts.ROW]})
    head = f"POST /v1/models/cold:predict HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n"
    request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
    statuses: Counter[int] = Counter()
    all_refused = asyncio.Event()

    async def call() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", predictor.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        statuses[int(answer.split(b" ", 2)[1])] += 1
        if b" 503 " in answer[:20]:
            assert b"retry-after: " in answer
        if statuses.total() == 500 - WAITERS:
            all_refused.set()

    with unreadable(core):
        calls = asyncio.gather(*(call() for _ in range(500)))
        async with asyncio.timeout(60):
            await all_refused.wait()
    await calls
    return statuses


def test_a_call_waits_for_a_load_no_longer_than_its_deadline(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    target = artifacts.write_classifier(tmp_path / "slow")
    predictor = start().wait_until_ready()
    with unreadable(tmp_path / "slow" / artifact.CORE_ONNX):
        platform.publish_route("slow", target)
        answer = predictor.predict("slow", key, artifacts.ROW, headers={"X-Request-Timeout-Ms": "300"})
        assert answer.status_code == 504
    assert version_of(predictor.predict("slow", key, artifacts.ROW)) == 1


def test_what_is_called_is_loaded_before_what_is_not(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    names = [f"model-{number:02d}" for number in range(12)]
    targets = {name: artifacts.write_classifier(tmp_path / name) for name in names}
    predictor = start().wait_until_ready()
    with unreadable(tmp_path / names[0] / artifact.CORE_ONNX):
        for name, target in targets.items():
            platform.publish_route(name, target)
        wait_for(lambda: len(platform.report()) == len(names))
        with pytest.raises(AssertionError):
            version_of(predictor.predict(names[-1], key, artifacts.ROW, headers={"X-Request-Timeout-Ms": "200"}))
    wait_for(lambda: all(state_of(platform, name).get("state") == "live" for name in names))
    order = re.findall(r"loaded (model-\d+) ", predictor.log.read_text())
    assert order.index(names[-1]) == 1


@pytest.mark.slow
def test_two_hundred_endpoints_in_one_predictor(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, classifier: Target, tmp_path: Path
) -> None:
    """It is ready soon though it has not loaded them all, answers for each, and takes less than 2 GB."""
    names = [f"endpoint-{number}" for number in range(200)]
    for name in names:
        shutil.copytree(classifier.artifact, tmp_path / name)
        platform.publish_route(name, Target(version=1, artifact=str(tmp_path / name), sha256=classifier.sha256))
    predictor = start(MODELYARD_PREDICT_READY_SECONDS="1").wait_until_ready()
    for name in reversed(names):
        assert version_of(predictor.predict(name, key, artifacts.ROW)) == 1
    assert psutil.Process(predictor.process.pid).memory_info().rss < 2_000_000_000
    wait_for(lambda: all(entry["state"] == "live" for entry in platform.report().values()))
    assert len(platform.report()) == 200
