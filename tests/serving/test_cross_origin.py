"""Web pages of other origins: none may call unless the operator allowed theirs."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from modelyard.contracts import route
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess, Shared, wait_for

SHOP = "https://shop.example"
PREDICT = "/v1/models/people:predict"


@pytest.fixture
def open_predictor(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: route.Target, key: str
) -> Callable[[str], PredictorProcess]:
    def open_to(origins: str) -> PredictorProcess:
        platform.publish_route("people", classifier)
        predictor = start(MODELYARD_PREDICT_CORS_ORIGINS=origins).wait_until_ready()
        wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 200)
        return predictor

    return open_to


def ask_before(predictor: PredictorProcess, origin: str, path: str = PREDICT) -> requests.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return requests.options(predictor.url + path, headers=headers, timeout=60)


def test_a_page_of_an_allowed_origin_may_call(open_predictor: Callable[[str], PredictorProcess], key: str) -> None:
    predictor = open_predictor(f"{SHOP}, http://localhost:3000")
    asked = ask_before(predictor, SHOP)
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == SHOP
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "authorization" in asked.headers["access-control-allow-headers"]
    answer = predictor.predict("people", key, artifacts.ROW, headers={"Origin": SHOP})
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["vary"] == "origin"
    refused = predictor.predict("people", None, artifacts.ROW, headers={"Origin": SHOP})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, SHOP)
    other = ask_before(predictor, "https://evil.example")
    assert other.status_code == 403
    assert "access-control-allow-origin" not in other.headers
    assert "access-control-allow-origin" not in predictor.predict("people", key, artifacts.ROW).headers


def test_every_origin_may_be_allowed(open_predictor: Callable[[str], PredictorProcess], key: str) -> None:
    predictor = open_predictor("*")
    assert ask_before(predictor, SHOP).headers["access-control-allow-origin"] == "*"
    assert ask_before(predictor, SHOP, "/endpoints/people/invocations").status_code == 200
    assert ask_before(predictor, "null").status_code == 403
    answer = predictor.predict("people", key, artifacts.ROW, headers={"Origin": "null"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_no_page_may_call_unless_it_is_allowed(shared: Shared) -> None:
    assert ask_before(shared.predictor, SHOP).status_code == 400
    answer: Any = shared.post(PREDICT, json={"instances": [artifacts.ROW]}, headers={"Origin": SHOP})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_an_origin_that_is_none_is_refused_at_the_start(start: Callable[..., PredictorProcess]) -> None:
    predictor = start(MODELYARD_PREDICT_CORS_ORIGINS="shop.example")
    wait_for(lambda: predictor.process.poll() is not None, 20, predictor.log)
    assert predictor.process.returncode != 0
    assert "MODELYARD_PREDICT_CORS_ORIGINS must be origins" in predictor.log.read_text()
