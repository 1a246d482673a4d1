"""What comes before Django for a request's body: a limit that holds while it arrives, and bodies that are not spooled.

Django's ASGI handler writes the whole body to a temporary file before any view runs. That is too late to refuse one,
and of an upload whose connection breaks nothing would be left. So bodies are counted here, and those below `STREAMED`
are handed to the view as they arrive (`scope["modelyard.receive"]`, read by `arriving`).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

STREAMED = "/api/v1/uploads"
BLOCK = 1024**2
IDLE_SECONDS = 15.0
DRAIN_BYTES = 64 * 1024**2
DRAIN_SECONDS = 5.0


class Cut(Exception):
    """The connection broke, or nothing came for too long, before the body was complete."""


class _TooLong(Exception):
    """More came than the limit allows."""


class Bodies:
    """Wraps Django: 413 for a body over `limit(path)` bytes, without reading on; streaming where it is wanted."""

    def __init__(self, application: Application, limit: Callable[[str], int]) -> None:
        self.application = application
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(STREAMED):
            await self.application({**scope, "modelyard.receive": receive}, _nothing(), send)
            return
        limit = self.limit(scope["path"])
        if _declared(scope) > limit:
            await _refuse(receive, send, limit)
            return
        try:
            await self.application(scope, _counted(receive, limit), send)
        except _TooLong:
            await _refuse(receive, send, limit)


async def arriving(request: HttpRequest) -> AsyncIterator[bytes]:
    """The body in blocks of about a megabyte as they arrive. Raises `Cut` after the last that arrived."""
    receive = request.scope.get("modelyard.receive") if isinstance(request, ASGIRequest) else None
    if receive is None:
        while block := request.read(BLOCK):
            yield block
        return
    buffer = bytearray()
    more = True
    while more:
        try:
            message = await asyncio.wait_for(receive(), IDLE_SECONDS)
        except TimeoutError:
            message = {"type": "http.disconnect"}
        if message["type"] == "http.disconnect":
            if buffer:
                yield bytes(buffer)
            raise Cut
        buffer += message.get("body", b"")
        more = message.get("more_body", False)
        if buffer and (len(buffer) >= BLOCK or not more):
            yield bytes(buffer)
            buffer.clear()


def _declared(scope: Scope) -> int:
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    return max((int(value) for value in lengths if value.isdigit()), default=0)


def _counted(receive: Receive, limit: int) -> Receive:
    total = 0

    async def receive_counted() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > limit:
                raise _TooLong
        return message

    return receive_counted


def _nothing() -> Receive:
    """An empty body, and no disconnection: the view sees that one itself, while it reads the real one."""
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


async def _refuse(receive: Receive, send: Send, limit: int) -> None:
    message = f"the body of this request is too large; at most {limit} bytes are taken here"
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": "too_large"}
    body = json.dumps({"error": error}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await _drain(receive)
    await send({"type": "http.response.body", "body": b""})


async def _drain(receive: Receive) -> None:
    """Read a little more: a connection that is closed with bytes on their way takes the answer with it."""
    total = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while total < DRAIN_BYTES:
                message = await receive()
                total += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
