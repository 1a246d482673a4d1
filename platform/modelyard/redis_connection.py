"""The platform's own connection to Redis (routes, keys, limits, usage); Celery and Channels keep theirs."""

from functools import cache

from django.conf import settings
from redis import Redis


@cache
def redis() -> "Redis":
    """One pooled connection a process, answers decoded to text."""
    return Redis.from_url(
        settings.ENVIRONMENT.redis_url, decode_responses=True, socket_timeout=5, socket_connect_timeout=2
    )
