"""Websockets are for our own pages: what browsers tell of the page that opens one."""

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import OriginValidator, WebsocketDenier


class OwnPages(OriginValidator):  # type: ignore[misc]
    """Channels' own check, which fails at an Origin that is no address: such a one is turned away like any other."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        application = super().__call__ if all(map(is_address, origins)) else WebsocketDenier()
        return await application(scope, receive, send)


def is_address(origin: bytes) -> bool:
    """Whether an Origin can be taken apart: `http://[` and `http://host:99999` cannot."""
    try:
        urlsplit(origin.decode("latin-1")).port  # noqa: B018 - reading it is the check
    except ValueError:
        return False
    return True
