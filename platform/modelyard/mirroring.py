"""Copies of database rows in Redis, where predictors read them. The database is the truth, the copy follows it."""

import json
from collections.abc import Callable
from typing import Any

from redis.client import Pipeline

from modelyard.contracts.crash_points import reach
from modelyard.contracts.route import CHANGED
from modelyard.redis_connection import redis


def mirror(hash_name: str, field: str, read: Callable[[], dict[str, Any] | None], *, kind: str) -> None:
    """Make `hash_name[field]` what `read` finds in the database or nothing, and tell predictors. Raises `RedisError`.

    Redis watches the hash meanwhile: where two writers meet, the one who would write what is outdated reads again.
    """

    def write(pipe: Pipeline) -> None:
        value = read()
        pipe.multi()
        if value is None:
            pipe.hdel(hash_name, field)
        else:
            pipe.hset(hash_name, field, json.dumps(value))
        pipe.publish(CHANGED, json.dumps({kind: field}))

    reach("mirror.before_writing")
    redis().transaction(write, hash_name)
    reach("mirror.written")
