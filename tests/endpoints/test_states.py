"""How an endpoint is, from what predictors say of it."""

import dataclasses
from typing import Any

from modelyard.accounts.models import User, Workspace
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.states import state_of
from tests.artifacts import make_version
from tests.endpoints.conftest import Mirror

AVAILABLE = {"state": "live", "versions": {"1": "AVAILABLE"}}


def test_it_is_live_when_every_predictor_has_it(endpoint: Endpoint, mirror: Mirror) -> None:
    for process in ("a", "b"):
        mirror.report(process, endpoint, **AVAILABLE)

    state = state_of(endpoint)

    assert (state.state, state.predictors, state.versions) == ("live", 2, {1: 2})


def test_it_is_loading_while_one_predictor_lacks_it(endpoint: Endpoint, mirror: Mirror) -> None:
    mirror.report("a", endpoint, **AVAILABLE)
    mirror.report("b", endpoint, state="loading", versions={"1": "LOADING"})

    assert state_of(endpoint).state == "loading"


def test_it_is_loading_while_a_predictor_has_not_heard_of_it(endpoint: Endpoint, mirror: Mirror) -> None:
    mirror.report("a", None)

    assert state_of(endpoint).state == "loading"


def test_it_is_loading_while_the_new_release_is(
    endpoint: Endpoint, workspace: Workspace, alice: User, mirror: Mirror
) -> None:
    make_version(workspace, alice)
    services.release(endpoint, [{"version": 2, "percent": 100}], by=alice)
    mirror.report("a", endpoint, **AVAILABLE)

    assert state_of(endpoint).state == "loading"


def test_it_has_failed_where_a_predictor_says_so_and_why(endpoint: Endpoint, mirror: Mirror) -> None:
    mirror.report("a", endpoint, **AVAILABLE)
    mirror.report("b", endpoint, state="failed", message="version 1: core.onnx is missing", versions={"1": "END"})

    state = state_of(endpoint)

    assert (state.state, state.message) == ("failed", "version 1: core.onnx is missing")


def test_predictors_that_fell_silent_do_not_count(endpoint: Endpoint, mirror: Mirror) -> None:
    mirror.report("a", endpoint, **AVAILABLE)
    mirror.report("b", None, age=60)

    assert state_of(endpoint).state == "live"


def test_without_predictors_it_is_unreachable(endpoint: Endpoint) -> None:
    assert state_of(endpoint).state == "unreachable"


def test_without_redis_it_is_unreachable(endpoint: Endpoint, settings: Any) -> None:
    from modelyard import redis_connection

    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, redis_url="redis://127.0.0.1:1/0")
    redis_connection.redis.cache_clear()

    assert state_of(endpoint).state == "unreachable"
