"""The websocket side of `modelyard.live`: a page follows one topic for as long as its person may see the object."""

import asyncio
import logging
from importlib import import_module
from typing import Any, ClassVar
from uuid import UUID

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from redis.exceptions import RedisError

from modelyard.accounts.factors import holding
from modelyard.accounts.models import User

log = logging.getLogger(__name__)

RECHECK_SECONDS = 30.0
FORBIDDEN = 4403
TRY_AGAIN = 1013


class TopicConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Sends every message of the topic `<topic>.<id>` to the page.

    A subclass names its `topic` and the URL `parameter` that holds the id, and says in `may_follow` who may listen. The
    question is asked again every half minute with a freshly read session, so that signing out, losing a membership or
    deleting the object ends the connection.
    """

    topic: ClassVar[str]
    parameter: ClassVar[str]
    watch: asyncio.Task[None] | None = None
    group: str | None = None

    def may_follow(self, user: User, subject: UUID) -> bool:
        """Whether `user` may see the object; runs in a thread and may ask the database."""
        raise NotImplementedError

    async def connect(self) -> None:
        if not await self._allowed():
            await self.close()
            return
        group = f"{self.topic}.{self._subject}"
        try:
            await self.channel_layer.group_add(group, self.channel_name)
        except (RedisError, OSError) as fault:
            log.warning("%s cannot be followed: %s", group, fault)
            await self.close(TRY_AGAIN)
            return
        self.group = group
        await self.accept()
        self.watch = asyncio.create_task(self._watch())

    async def disconnect(self, code: int) -> None:
        if self.watch is not None:
            self.watch.cancel()
        if self.group is not None:
            try:
                await self.channel_layer.group_discard(self.group, self.channel_name)
            except (RedisError, OSError) as fault:
                log.warning("%s could not be left: %s", self.group, fault)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Pages only listen; what one sends is not read."""

    async def tell(self, event: dict[str, Any]) -> None:
        """Called by the channel layer for each `live.publish`."""
        await self.send_json(event["message"])

    @property
    def _subject(self) -> UUID:
        subject: UUID = self.scope["url_route"]["kwargs"][self.parameter]
        return subject

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            if not await self._allowed():
                await self.close(FORBIDDEN)
                return

    async def _allowed(self) -> bool:
        key = self.scope["session"].session_key
        if not key:
            return False
        store = import_module(settings.SESSION_ENGINE).SessionStore(key)
        user = await get_user({"session": store})
        if not isinstance(user, User):
            return False
        how = str(await database_sync_to_async(store.get)(holding.SESSION_HOW, ""))
        if await database_sync_to_async(holding.is_missing)(user, how):
            return False
        return bool(await database_sync_to_async(self.may_follow)(user, self._subject))
