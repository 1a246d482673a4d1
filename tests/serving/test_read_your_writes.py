"""What was just created is found at once, before any message of it has come; guessing cannot load Redis."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from modelyard.contracts import keys, route
from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import PEPPER, WORKSPACE, Platform, PredictorProcess, wait_for
from tests.serving.lives import version_of
from tests.serving.own_redis import OwnRedis
from workers.serving.admission.lookups import BURST, CannotAsk, Lookups, Unknown
from workers.serving.problems import Problem, not_found, unauthorized


def store_key_silently(platform: Platform, workspace: str = WORKSPACE) -> str:
    """Store a key without the message that tells predictors of it."""
    text = keys.draw_key()
    parsed = keys.parse_key(text)
    digest = keys.digest_secret(parsed.secret, PEPPER.encode())
    key = route.Key(id=parsed.id, digest=digest, workspace=workspace, user="user-1", scopes=("predict", "read"))
    platform.redis.hset(route.KEYS, key.id, orjson.dumps(key.to_json()).decode())
    return text


def test_a_key_works_before_its_message_has_come(predictor: PredictorProcess, platform: Platform) -> None:
    for _ in range(20):
        answer = predictor.predict("people", store_key_silently(platform), artifacts.ROW)
        assert answer.status_code == 200, answer.text


def test_the_limits_of_a_workspace_come_with_its_first_key(
    predictor: PredictorProcess, platform: Platform, classifier: Target
) -> None:
    workspace = "33333333-3333-3333-3333-333333333333"
    platform.redis.hset(route.LIMITS, workspace, orjson.dumps(route.Limits(predictions_per_month=2).to_json()).decode())
    published = route.Route(name="few", workspace=workspace, endpoint="id", model="m", targets=(classifier,))
    platform.redis.hset(route.ROUTES, published.field, orjson.dumps(published.to_json()).decode())
    key = store_key_silently(platform, workspace)
    assert predictor.predict("few", key, *[artifacts.ROW] * 3).status_code == 429
    assert predictor.predict("few", key, *[artifacts.ROW] * 2).status_code == 200


def test_a_key_of_the_right_id_and_a_wrong_secret_is_refused(predictor: PredictorProcess, platform: Platform) -> None:
    known = keys.parse_key(store_key_silently(platform))
    forged = keys.compose_key(known.id, known.secret[::-1])
    assert predictor.predict("people", forged, artifacts.ROW).status_code == 401


def test_an_endpoint_answers_before_its_message_has_come(
    predictor: PredictorProcess, platform: Platform, key: str, classifier: Target
) -> None:
    for number in range(10):
        name = f"new-{number}"
        published = route.Route(name=name, workspace=WORKSPACE, endpoint="id", model="m", targets=(classifier,))
        platform.redis.hset(route.ROUTES, published.field, orjson.dumps(published.to_json()).decode())
        assert version_of(predictor.predict(name, key, artifacts.ROW)) == 1


def test_the_first_calls_of_an_endpoint_are_held_until_it_is_loaded(
    predictor: PredictorProcess, platform: Platform, key: str, other_classifier: Target
) -> None:
    platform.publish_route("other", replace(other_classifier, version=5))
    assert version_of(predictor.predict("other", key, artifacts.ROW)) == 5


def test_fields_of_a_later_version_do_not_break_an_earlier_one(
    predictor: PredictorProcess, platform: Platform, classifier: Target
) -> None:
    published = route.Route(name="later", workspace=WORKSPACE, endpoint="id", model="m", targets=(classifier,))
    value = {**published.to_json(), "mood": "good"}
    value["targets"] = [{**value["targets"][0], "colour": "red"}]
    platform.redis.hset(route.ROUTES, published.field, orjson.dumps(value).decode())
    text = keys.draw_key()
    parsed = keys.parse_key(text)
    digest = keys.digest_secret(parsed.secret, PEPPER.encode())
    key = route.Key(id=parsed.id, digest=digest, workspace=WORKSPACE, user="user-1", scopes=("predict",))
    platform.redis.hset(route.KEYS, key.id, orjson.dumps({**key.to_json(), "shape": "round"}).decode())
    assert version_of(predictor.predict("later", text, artifacts.ROW)) == 1


def test_while_redis_is_away_what_is_unknown_is_not_called_wrong(
    own_redis: OwnRedis, start: Callable[..., PredictorProcess], classifier: Target
) -> None:
    platform = Platform(own_redis.url)
    key = platform.publish_key(scopes=("predict", "read"))
    platform.publish_route("people", classifier)
    predictor = start(own_redis.url).wait_until_ready()
    own_redis.kill()
    for answer in (
        predictor.predict("people", keys.draw_key(), artifacts.ROW),
        predictor.predict("nobody", key, artifacts.ROW),
    ):
        assert answer.status_code == 503
        assert "Redis" in answer.json()["error"]
        assert int(answer.headers["retry-after"]) >= 1
    assert predictor.predict("people", "mdy_typo", artifacts.ROW).status_code == 401
    assert predictor.predict("people", key, artifacts.ROW).status_code == 200


def test_a_revoked_key_is_asked_for_rarely(predictor: PredictorProcess, platform: Platform, key: str) -> None:
    platform.revoke_key(key)
    wait_for(lambda: predictor.predict("people", key, artifacts.ROW).status_code == 401)
    before = hash_reads(platform)
    for _ in range(200):
        assert predictor.predict("people", key, artifacts.ROW).status_code == 401
    assert hash_reads(platform) - before < 100


def hash_reads(platform: Platform) -> int:
    return int(platform.redis.info("commandstats").get("cmdstat_hget", {}).get("calls", 0))


def test_many_who_ask_for_the_same_share_one_look_up() -> None:
    asked: Counter[str] = Counter()

    async def trial() -> None:
        async def fetch(kind: str, name: str) -> None:
            asked[name] += 1
            await asyncio.sleep(0)

        lookups = Lookups(fetch)
        await asyncio.gather(*(lookups.ask(Unknown("keys", "a", unauthorized("no"))) for _ in range(50)))
        with pytest.raises(Problem) as refused:
            await lookups.ask(Unknown("keys", "a", unauthorized("no")))
        assert refused.value.status == 401
        lookups.forget("keys", "a")
        await lookups.ask(Unknown("keys", "a", unauthorized("no")))

    asyncio.run(trial())
    assert asked == {"a": 2}


def test_guessing_is_rationed_and_told_to_come_back() -> None:
    asked: list[str] = []

    async def trial() -> list[object]:
        async def fetch(kind: str, name: str) -> None:
            asked.append(name)

        lookups = Lookups(fetch)
        guesses = (lookups.ask(Unknown("keys", f"guess-{number}", unauthorized("no"))) for number in range(5000))
        return list(await asyncio.gather(*guesses, return_exceptions=True))

    told = [answer for answer in asyncio.run(trial()) if isinstance(answer, Problem)]
    assert {(problem.status, bool(problem.retry_after)) for problem in told} == {(503, True)}
    assert len(asked) + len(told) == 5000
    assert BURST <= len(asked) < 4000


def test_a_look_up_that_cannot_be_made_is_made_again_by_the_next_caller() -> None:
    answers = [CannotAsk(), None]

    async def trial() -> None:
        async def fetch(kind: str, name: str) -> None:
            answer = answers.pop(0)
            if answer is not None:
                raise answer

        lookups = Lookups(fetch)
        with pytest.raises(Problem) as refused:
            await lookups.ask(Unknown("routes", "w/a", not_found("no")))
        assert refused.value.status == 503
        await lookups.ask(Unknown("routes", "w/a", not_found("no")))

    asyncio.run(trial())
    assert answers == []
