"""Predictors hear of every key at once, never see its text, and find every key after Redis lost its data."""

import json
from typing import Any

import pytest

from modelyard.accounts import key_publishing, keys, people
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.route import CHANGED, KEYS, Key


@pytest.fixture
def published(
    redis: Any, workspace: Workspace, alice: User, django_capture_on_commit_callbacks: Any
) -> tuple[Any, str]:
    with django_capture_on_commit_callbacks(execute=True):
        return keys.create_key("K", workspace=workspace, user=alice, scopes=["predict"], endpoints=["churn"], days=1)


def test_a_new_key_reaches_the_predictors_as_a_digest(
    redis: Any, published: Any, workspace: Workspace, alice: User
) -> None:
    key, text = published
    written = redis.hget(KEYS, key.id)
    assert text.rsplit("_", 1)[1] not in written
    assert Key.from_json(json.loads(written)) == Key(
        id=key.id,
        digest=key.digest,
        workspace=str(workspace.pk),
        user=str(alice.pk),
        scopes=("predict",),
        endpoints=("churn",),
        expires_at=key.expires_at.timestamp(),
    )


def test_a_revoked_key_is_withdrawn_and_told(
    redis: Any, published: Any, alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    with redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(CHANGED)
        listener.get_message(timeout=30)
        with django_capture_on_commit_callbacks(execute=True):
            keys.revoke_key(published[0], by=alice)
        told = listener.get_message(timeout=30)
    assert json.loads(told["data"]) == {"keys": published[0].id}
    assert not redis.hexists(KEYS, published[0].id)


def test_the_keys_of_a_deactivated_person_are_withdrawn(
    redis: Any, published: Any, alice: User, operator: User, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        people.set_active(alice, False, by=operator)
    assert not redis.hexists(KEYS, published[0].id)
    with django_capture_on_commit_callbacks(execute=True):
        people.set_active(alice, True, by=operator)
    assert redis.hexists(KEYS, published[0].id)


def test_all_keys_are_written_anew_and_strays_removed(redis: Any, published: Any) -> None:
    redis.flushdb()
    redis.hset(KEYS, "stray000", "{}")
    key_publishing.publish_all_keys()
    assert redis.hkeys(KEYS) == [published[0].id]
