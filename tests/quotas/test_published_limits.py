"""Predictors hear of a changed limit at once, and find every limit after Redis lost its data."""

import json
from typing import Any

import pytest
from django.utils import timezone

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.route import CHANGED, LIMITS, Limits, spent_key
from modelyard.quotas import publishing, services


def read_limits(redis: Any, workspace: Workspace) -> Limits:
    return Limits.from_json(json.loads(redis.hget(LIMITS, str(workspace.pk))))


def test_a_changed_limit_reaches_the_predictors_on_commit(
    redis: Any, workspace: Workspace, operator: User, django_capture_on_commit_callbacks: Any
) -> None:
    with redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(CHANGED)
        listener.get_message(timeout=30)
        with django_capture_on_commit_callbacks(execute=True):
            services.set_limit(workspace, "requests_per_second", 5, by=operator)
            assert not redis.hexists(LIMITS, str(workspace.pk))
        told = listener.get_message(timeout=30)
    assert json.loads(told["data"]) == {"limits": str(workspace.pk)}
    assert read_limits(redis, workspace) == Limits(requests_per_second=5, predictions_per_month=1_000_000)


def test_a_limit_changes_while_redis_is_away(
    redis: Any, workspace: Workspace, operator: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis.connection_pool, "connection_kwargs", {"host": "127.0.0.1", "port": 1})
    redis.connection_pool.reset()
    publishing.publish_limits(workspace.pk)
    services.set_limit(workspace, "requests_per_second", 5, by=operator)
    assert publishing.limits_of(workspace.pk).requests_per_second == 5


def test_all_limits_and_lost_counts_are_written_anew(redis: Any, workspace: Workspace) -> None:
    services.add_used(workspace, "predictions", 12, subject="hour")
    publishing.publish_all_limits()
    assert read_limits(redis, workspace).predictions_per_month == 1_000_000
    assert redis.get(spent_key(str(workspace.pk), timezone.now().strftime("%Y-%m"))) == "12"


def test_a_count_that_redis_still_has_is_left_alone(redis: Any, workspace: Workspace) -> None:
    name = spent_key(str(workspace.pk), timezone.now().strftime("%Y-%m"))
    redis.set(name, 40)
    services.add_used(workspace, "predictions", 12, subject="hour")
    publishing.publish_all_limits()
    assert redis.get(name) == "40"
