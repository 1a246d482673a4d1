"""A predictor whose artifacts lie in an object store: it fetches them once, checked, and never carries the client."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from modelyard.contracts.artifact import MANIFEST
from modelyard.contracts.route import Target
from modelyard.environment import ROOT
from modelyard.objects.shelf import Shelf
from tests.objects.server import CREDENTIALS, Cloud, Relay
from tests.serving.artifacts import ROW, write_classifier
from tests.serving.conftest import Platform, PredictorProcess, wait_for

ADDRESS = "artifacts/33333333-3333-3333-3333-333333333333"
Start = Callable[[str], PredictorProcess]


@pytest.fixture
def platform(redis_server: str) -> Platform:
    Redis.from_url(redis_server).flushdb()
    return Platform(redis_server)


@pytest.fixture
def stored(there: Shelf) -> Target:
    """An artifact that a trainer on another machine has stored."""
    folder = there.root / ADDRESS
    write_classifier(folder)
    return Target(version=1, artifact=ADDRESS, sha256=there.keep(folder, manifest=MANIFEST))


@pytest.fixture
def start(redis_server: str, tmp_path: Path) -> Iterator[Start]:
    """Start a predictor that reaches the store at an address."""
    started: list[PredictorProcess] = []

    def begin(url: str) -> PredictorProcess:
        started.append(PredictorProcess(redis_server, tmp_path, MODELYARD_STORAGE_URL=url, **CREDENTIALS))
        return started[-1].wait_until_ready()

    yield begin
    for process in started:
        process.process.kill()
        process.process.wait()


def is_live(predictor: PredictorProcess, key: str) -> bool:
    return predictor.predict("people", key, ROW).status_code == 200


def test_two_predictors_of_a_machine_fetch_an_artifact_once(
    start: Start, platform: Platform, stored: Target, cloud: Cloud, relay: Relay
) -> None:
    key = platform.publish_key()
    predictors = [start(cloud.url(relay.endpoint)), start(cloud.url(relay.endpoint))]
    platform.publish_route("people", stored)
    for predictor in predictors:
        wait_for(lambda one=predictor: is_live(one, key), 60, predictor.log)
    gets = [request for request in relay.requests if request.startswith("GET") and "list-type" not in request]
    assert len(gets) == len(set(gets)), gets


PROGRAM = """
import sys
from pathlib import Path
import workers.serving.__main__
from modelyard.objects.opening import open_shelf
from workers.serving.models.artifacts import Artifacts
artifacts = Artifacts(open_shelf())
model = artifacts.load(artifacts.folder_of(sys.argv[1]), sys.argv[2], 1)
print(sorted({"boto3", "botocore", "django"} & set(sys.modules)), model.signature.task)
"""


def test_loading_from_the_store_leaves_no_client_in_the_process(stored: Target, cloud: Cloud, tmp_path: Path) -> None:
    variables = {"MODELYARD_HOME": str(tmp_path), "MODELYARD_STORAGE_URL": cloud.url(), **CREDENTIALS}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, ADDRESS, stored.sha256],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[] binary classification", done.stderr


def test_what_is_on_the_disk_needs_no_store(
    start: Start, platform: Platform, stored: Target, cloud: Cloud, relay: Relay
) -> None:
    key = platform.publish_key()
    platform.publish_route("people", stored)
    first = start(cloud.url(relay.endpoint))
    wait_for(lambda: is_live(first, key), 60, first.log)
    relay.close()
    assert is_live(first, key)
    second = start(cloud.url(relay.endpoint))
    wait_for(lambda: is_live(second, key), 60, second.log)


def test_a_tampered_artifact_never_answers(start: Start, platform: Platform, stored: Target, cloud: Cloud) -> None:
    for name, content in cloud.contents().items():
        if content.startswith(b"\x08"):  # the network
            cloud.put(name, content[:-1] + bytes([content[-1] ^ 1]))
    key = platform.publish_key()
    platform.publish_route("people", stored)
    predictor = start(cloud.url())
    wait_for(lambda: "not what was registered" in str(platform.report()), 60, predictor.log)
    assert not is_live(predictor, key)
    assert cloud.name not in str(platform.report()), "what the store said is for the log"


def test_a_damaged_copy_is_fetched_anew(
    start: Start, platform: Platform, stored: Target, cloud: Cloud, tmp_path: Path
) -> None:
    key = platform.publish_key()
    platform.publish_route("people", stored)
    first = start(cloud.url())
    wait_for(lambda: is_live(first, key), 60, first.log)
    first.process.kill()
    first.process.wait()
    (tmp_path / "cache" / ADDRESS / "core.onnx").write_bytes(b"rot")
    second = start(cloud.url())
    wait_for(lambda: is_live(second, key), 90, second.log)


def test_a_store_that_is_away_is_asked_again(
    start: Start, platform: Platform, stored: Target, cloud: Cloud, relay: Relay
) -> None:
    key = platform.publish_key()
    relay.fail("GET", "500", 10_000)
    platform.publish_route("people", stored)
    predictor = start(cloud.url(relay.endpoint))
    wait_for(lambda: "does not answer" in str(platform.report()), 90, predictor.log)
    relay.faults.clear()
    wait_for(lambda: is_live(predictor, key), 90, predictor.log)
