"""The way messages come from Redis, hardened: one that is no message of Celery's at all is thrown away.

Kombu lets such a message end the worker that takes it, and with it the run that is trained there.
"""

import logging
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as celery_redis

log = logging.getLogger(__name__)

MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What kombu and Celery raise for what is no JSON, no object, or an object without the parts of a message."""


class Channel(celery_redis.Channel):  # type: ignore[misc]
    """Takes messages from lists of Redis."""

    def _brpop_read(self, **options: Any) -> Any:
        waiting = set(self.qos._delivered)
        try:
            return super()._brpop_read(**options)
        except MALFORMED as fault:
            log.warning("a message that is none was thrown away: %s: %.200s", type(fault).__name__, fault)
            for tag in set(self.qos._delivered) - waiting:  # else it would count as one that is worked on, for ever
                self.qos.ack(tag)
            return True


class Transport(celery_redis.Transport):  # type: ignore[misc]
    """Kombu's connection to Redis with these channels."""

    Channel = Channel


def receive_safely() -> None:
    """Let every connection to Redis that Celery opens from now on be one of these."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
