"""A real Redis that the platform writes routes to and that predictors would report to."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.contracts import route
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint, Release
from modelyard.registry.models import ModelVersion
from tests.artifacts import make_version

Committing = Callable[[], AbstractContextManager[Any]]
ALL_TO_ONE = [{"version": 1, "percent": 100}]
CANARY = [{"version": 1, "percent": 90}, {"version": 2, "percent": 10}]
GUARD = {"error_rate": 0.02, "latency_factor": 2.0, "minimum_requests": 50, "window_minutes": 30}


class Mirror:
    """What Redis holds of the platform's words, and a way to put a predictor's words there."""

    def __init__(self, redis: Any) -> None:
        self.redis = redis

    def route(self, endpoint: Endpoint) -> route.Route | None:
        text = self.redis.hget(route.ROUTES, endpoint.route_field)
        return route.Route.from_json(json.loads(text)) if text else None

    def report(self, process: str, endpoint: Endpoint | None, *, age: float = 0, **entry: Any) -> None:
        """Say what a predictor says of an endpoint."""
        routes = {endpoint.route_field: {"message": "", **entry}} if endpoint else {}
        self.redis.hset(route.PREDICTORS, process, json.dumps({"at": time.time() - age, "routes": routes}))

    def use(self, workspace: Workspace, endpoint: str = "churn", **fields: Any) -> str:
        """Add an entry of usage as a predictor does; returns its id."""
        usage = route.Usage(
            **{
                "workspace": str(workspace.pk),
                "endpoint": endpoint,
                "key": "",
                "user": "",
                "version": 1,
                "minute": int(time.time() // 60),
                "requests": 1,
                "predictions": 1,
                "errors": 0,
                "seconds": 0.004,
                "latencies": (0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
                **fields,
            }
        )
        return str(self.redis.xadd(route.USAGE, {"usage": json.dumps(usage.to_json())}))


@pytest.fixture
def mirror(redis: Any) -> Mirror:
    return Mirror(redis)


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Any) -> Committing:
    """`with committing(): …` runs what waits for a commit when the block ends."""
    return partial(django_capture_on_commit_callbacks, execute=True)


@pytest.fixture
def version(workspace: Workspace, alice: User) -> ModelVersion:
    return make_version(workspace, alice)


@pytest.fixture
def endpoint(
    mirror: Mirror, workspace: Workspace, alice: User, version: ModelVersion, committing: Committing
) -> Endpoint:
    with committing():
        return services.publish(workspace, "churn", version.model, ALL_TO_ONE, by=alice)


@pytest.fixture
def second(endpoint: Endpoint, workspace: Workspace, alice: User) -> ModelVersion:
    return make_version(workspace, alice)


@pytest.fixture
def guarded(endpoint: Endpoint, second: ModelVersion, alice: User, committing: Committing) -> Release:
    with committing():
        return services.release(endpoint, CANARY, by=alice, guard=GUARD)
