"""Rate limits and monthly quotas, shared by all predictors through Redis."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import requests

from modelyard.contracts.route import Target, spent_key
from tests.serving import artifacts
from tests.serving.conftest import WORKSPACE, Platform, PredictorProcess, wait_for


def spent(platform: Platform) -> int:
    return int(platform.redis.get(spent_key(WORKSPACE, time.strftime("%Y-%m", time.gmtime()))) or 0)


def call_often(predictor: PredictorProcess, key: str, seconds: float, counts: Counter[int]) -> None:
    deadline = time.monotonic() + seconds
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {key}"
        while time.monotonic() < deadline:
            answer = session.post(predictor.url + "/v1/models/people:predict", json={"instances": [artifacts.ROW]})
            counts[answer.status_code] += 1


def test_two_predictors_together_keep_to_the_rate(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> None:
    platform.publish_route("people", classifier)
    platform.publish_limits(requests_per_second=20)
    predictors = [start().wait_until_ready(), start().wait_until_ready()]
    counts: Counter[int] = Counter()
    threads = [threading.Thread(target=call_often, args=(one, key, 3.0, counts)) for one in predictors * 2]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    assert counts.keys() == {200, 429}
    assert 0.95 * 20 * 3 <= counts[200] <= 20 * (1 + seconds) + 4  # a full bucket, and the seconds of refilling


def test_a_month_ends_exactly_at_its_limit_over_two_predictors(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: Target, key: str
) -> None:
    platform.publish_route("people", classifier)
    platform.publish_limits(predictions_per_month=100)
    predictors = [start().wait_until_ready(), start().wait_until_ready()]
    rows = [artifacts.ROW] * 7
    answers = [predictors[number % 2].predict("people", key, *rows) for number in range(20)]
    assert Counter(answer.status_code for answer in answers) == {200: 14, 429: 6}
    refused = answers[-1]
    assert "100 predictions a month" in refused.json()["error"]
    assert int(refused.headers["retry-after"]) > 0
    wait_for(lambda: spent(platform) == 98)
    assert wait_for(lambda: predictors[0].predict("people", key, *rows[:2]).status_code == 200)
    wait_for(lambda: spent(platform) == 100)


def test_calls_that_fail_are_not_taken_from_the_month(
    platform: Platform, predictor: PredictorProcess, key: str
) -> None:
    platform.publish_limits(predictions_per_month=100)
    answers: list[requests.Response] = []

    def is_limited() -> bool:
        answers.append(predictor.predict("people", key, artifacts.ROW))
        return "ratelimit" in answers[-1].headers

    wait_for(is_limited)
    for _ in range(5):
        assert predictor.predict("people", key, artifacts.ROW, {"age": "x", "city": "Wien"}).status_code == 400
    predictor.terminate()  # what was leased and is not needed goes back
    assert spent(platform) == len(answers)


def test_predictions_without_a_limit_are_counted_too(platform: Platform, predictor: PredictorProcess, key: str) -> None:
    predictor.predict("people", key, *[artifacts.ROW] * 30)
    wait_for(lambda: spent(platform) == 30)


def test_every_answer_tells_the_limits(platform: Platform, predictor: PredictorProcess, key: str) -> None:
    platform.publish_limits(requests_per_second=1, predictions_per_month=1000)
    wait_for(lambda: "ratelimit" in predictor.predict("people", key, artifacts.ROW).headers)
    answers = [predictor.predict("people", key, artifacts.ROW) for _ in range(12)]
    assert answers[0].headers["ratelimit-policy"] == '"requests";q=1;w=1, "predictions";q=1000;w=2678400'
    assert answers[0].headers["ratelimit"].startswith('"requests";r=')
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].headers["retry-after"] in ("1", "2")
    assert "1 requests a second" in refused[0].json()["error"]


def test_a_raised_limit_is_heeded_at_once(platform: Platform, predictor: PredictorProcess, key: str) -> None:
    platform.publish_limits(predictions_per_month=1)
    wait_for(lambda: predictor.predict("people", key, *[artifacts.ROW] * 2).status_code == 429)
    platform.publish_limits(predictions_per_month=50)
    wait_for(lambda: predictor.predict("people", key, *[artifacts.ROW] * 2).status_code == 200)
