"""Telling predictors of keys (`contracts.route.Key`): the digest, never the key. A withdrawn key is refused at once."""

import json
import logging
from functools import partial
from typing import Any

from django.db import transaction
from redis.exceptions import RedisError

from modelyard.accounts.models import ApiKey, User
from modelyard.contracts.route import KEYS, Key
from modelyard.mirroring import mirror
from modelyard.redis_connection import redis

log = logging.getLogger(__name__)


def publish_on_commit(key_id: str) -> None:
    """Write a key as it stands when the current transaction has committed."""
    transaction.on_commit(partial(publish_key, key_id))


def publish_keys_of(user: User) -> None:
    """Write all keys of a person, who was deactivated or came back, once the current transaction has committed."""
    for key_id in user.keys.values_list("pk", flat=True):
        publish_on_commit(key_id)


def publish_key(key_id: str) -> None:
    """Make Redis say what the database says of a key. While Redis is away nothing happens; the reconciler writes it."""
    try:
        _write(key_id)
    except (RedisError, OSError) as fault:
        log.warning("the key %s was not published: %s", key_id, fault)


def publish_all_keys() -> None:
    """Make Redis say what the database says of every key; what is right already is not touched. Raises `RedisError`."""
    for key_id in outdated_keys():
        _write(key_id)


def outdated_keys() -> set[str]:
    """The keys of which Redis does not say what the database says. Raises `RedisError`."""
    usable = ApiKey.objects.live().filter(user__is_active=True)
    wanted = {key.id: json.loads(json.dumps(key_for_predictors(key).to_json())) for key in usable}
    written = {str(name): json.loads(text) for name, text in redis().hgetall(KEYS).items()}
    return {key_id for key_id in wanted.keys() | written.keys() if wanted.get(key_id) != written.get(key_id)}


def key_for_predictors(key: ApiKey) -> Key:
    """What a predictor needs to know of a key."""
    return Key(
        id=key.id,
        digest=key.digest,
        workspace=str(key.workspace_id),
        user=str(key.user_id),
        scopes=tuple(key.scopes),
        endpoints=tuple(key.endpoints),
        expires_at=key.expires_at.timestamp() if key.expires_at is not None else None,
    )


def _write(key_id: str) -> None:
    def read() -> dict[str, Any] | None:
        key = ApiKey.objects.live().filter(pk=key_id, user__is_active=True).first()
        return key_for_predictors(key).to_json() if key is not None else None

    mirror(KEYS, key_id, read, kind="keys")
