"""What the platform publishes is heeded at once; without Redis the predictor goes on with what it knows."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from modelyard.contracts import keys, route
from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, wait_for
from tests.serving.own_redis import OwnRedis


def test_srv_14_a_key_that_is_revoked_under_load_is_refused_soon(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    """SRV-14: no call that starts two seconds after the revocation, or later, is accepted."""
    accepted: list[float] = []
    refused = threading.Event()

    def call() -> None:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            while True:
                started = time.monotonic()
                body = {"instances": [artifacts.ROW]}
                answer = session.post(f"{predictor.url}/v1/models/people:predict", json=body, timeout=60)
                if answer.status_code == 401:
                    refused.set()
                    return
                assert answer.status_code == 200
                accepted.append(started)

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call) for _ in range(8)]
        wait_for(lambda: len(accepted) > 100)
        platform.revoke_key(key)
        revoked_at = time.monotonic()
        for one in calls:
            one.result(timeout=60)
    assert refused.is_set()
    assert max(accepted) <= revoked_at + 2
    assert predictor.predict("people", platform.publish_key(), artifacts.ROW).status_code == 200


def test_a_revocation_whose_message_was_lost_is_found_anyway(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    platform.redis.delete("modelyard:keys")
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 401)


def test_a_new_key_and_a_new_endpoint_work_at_once(
    predictor: PredictorProcess, platform: Platform, classifier: Target
) -> None:
    new = platform.publish_key()
    published = platform.publish_route("new", classifier)
    assert predictor.predict("new", new, artifacts.ROW).status_code == 200
    platform.withdraw_route(published)
    wait_for(lambda: predictor.predict("new", new, artifacts.ROW).status_code == 404)


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


def test_srv_11_it_goes_on_without_redis_and_tells_the_usage_later(
    own_redis: OwnRedis, start: Callable[..., PredictorProcess], classifier: Target
) -> None:
    """SRV-11: no call fails while Redis is away, and nothing is counted twice or lost."""
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
    wait_for(lambda: sum(usage.requests for usage in platform.usage()) >= asked)
    assert sum(usage.predictions for usage in platform.usage()) == asked
    spent = f"modelyard:spent:11111111-1111-1111-1111-111111111111:{time.strftime('%Y-%m', time.gmtime())}"
    wait_for(lambda: int(platform.redis.get(spent) or 0) == asked)


def test_srv_11_a_key_that_was_revoked_while_redis_was_away_is_refused_once_it_is_back(
    own_redis: OwnRedis, start: Callable[..., PredictorProcess], classifier: Target
) -> None:
    """SRV-11: without any message, at most 30 s after Redis is back."""
    platform = Platform(own_redis.url)
    revoked, kept = platform.publish_key(), platform.publish_key()
    platform.publish_route("people", classifier)
    predictor = start(own_redis.url).wait_until_ready()
    assert predictor.predict("people", revoked, artifacts.ROW).status_code == 200
    own_redis.kill()
    assert predictor.predict("people", revoked, artifacts.ROW).status_code == 200
    own_redis.start()
    platform.redis.hdel(route.KEYS, keys.parse_key(revoked).id)
    wait_for(lambda: predictor.predict("people", revoked, artifacts.ROW).status_code == 401, 30)
    assert predictor.predict("people", kept, artifacts.ROW).status_code == 200


def test_a_redis_that_lost_its_data_takes_nothing_away(
    predictor: PredictorProcess, platform: Platform, key: str
) -> None:
    platform.redis.flushdb()
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        assert predictor.predict("people", key, artifacts.ROW).status_code == 200
        time.sleep(0.2)
