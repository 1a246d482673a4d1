"""Telling open pages that something changed. A page that hears reads the same truth as one that is loaded anew."""

import logging
from collections.abc import Mapping
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = logging.getLogger(__name__)


def publish(topic: str, message: Mapping[str, Any]) -> None:
    """Send `message` to all who follow `topic` ("run.<id>", "version.<id>"). Never fails: pages catch up on reload."""
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(layer.group_send)(topic, {"type": "tell", "message": dict(message)})
    except (RedisError, OSError) as fault:
        log.warning("nobody was told of %s: %s", topic, fault)
