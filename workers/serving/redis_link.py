"""The predictor's line to Redis: what the platform published comes in; usage, leases and a report of itself go out.

The line may break at any time. Then `up` is false, everything that was learned stays, and the line is tried again and
again. Changes come by pub/sub within milliseconds; every few seconds all is read again, in case a message was lost.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from modelyard.contracts.observations import LIVE_SECONDS, MONITORING, MOST_OBSERVATIONS, OBSERVATIONS, metrics_key
from modelyard.contracts.route import (
    CHANGED,
    KEYS,
    LIMITS,
    PREDICTORS,
    PREFIX,
    ROUTES,
    SHADOWS,
    USAGE,
    rate_key,
    spent_key,
)
from workers.serving.admission.accounts import Ask, Grant, LenderAway
from workers.serving.admission.lookups import CannotAsk

log = logging.getLogger(__name__)

REREAD_SECONDS = 5.0
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
ALIVE_SECONDS = 15
FORGET_SECONDS = 3600
SEEN_SECONDS = 30 * 24 * 3600
REPUBLISH_SECONDS = 120.0
HASHES = {"routes": ROUTES, "keys": KEYS, "limits": LIMITS, "monitoring": MONITORING}
AWAY = (RedisError, OSError, TimeoutError)

LEASE = (Path(__file__).parent / "admission" / "lease.lua").read_text(encoding="utf-8")
TELL = """
-- Adds a batch to a stream once, however often it is sent: the number of the last batch of each predictor is kept.
if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 86400)
for index = 3, #ARGV do redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[index]) end
return #ARGV - 2
"""

OBSERVE = """
-- Adds live counts and entries of a stream once, as above.
if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', 86400)
for key, counts in pairs(cjson.decode(ARGV[2])) do
  for field, count in pairs(counts) do redis.call('HINCRBY', key, field, count) end
  redis.call('EXPIRE', key, ARGV[3])
end
for index = 5, #ARGV do redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], '*', 'observation', ARGV[index]) end
return 1
"""


class Learner(Protocol):
    """What takes in the published values. `raw` None means that the field is gone."""

    def learn(self, kind: str, name: str, raw: str | None) -> None: ...

    def learned_all(self) -> None: ...


class RedisLink:
    """One predictor's line. `run` keeps it; the other calls raise `LenderAway` while it is broken."""

    def __init__(self, url: str, name: str, learner: Learner) -> None:
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
            max_connections=32,
        )
        self._name = name
        self._learner = learner
        self._known: dict[str, dict[str, str]] = {kind: {} for kind in HASHES}
        self._lease = self._redis.register_script(LEASE)
        self._tell = self._redis.register_script(TELL)
        self._observe = self._redis.register_script(OBSERVE)
        self.up = False
        self.predictors = 1
        self._read_before = False
        self._trust_from = 0.0
        self._heeded = 0

    async def close(self) -> None:
        await self._redis.aclose()

    # -- in

    async def run(self) -> None:
        """Follow what the platform publishes, for ever."""
        failures = 0
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await self._follow(subscription)
            except AWAY as fault:
                failures = 1 if self.up else failures + 1
                if failures == 1:
                    log.warning("Redis does not answer, going on with what is known: %s", fault)
                self.up = False
            await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])

    async def _follow(self, subscription: PubSub) -> None:
        await subscription.subscribe(CHANGED)
        next_reading = 0.0
        while True:
            if time.monotonic() >= next_reading:
                await self._read_all()
                next_reading = time.monotonic() + REREAD_SECONDS
                if not self.up:
                    log.info("connected to Redis, %d routes", len(self._known["routes"]))
                self.up = True
            message = await subscription.get_message(ignore_subscribe_messages=True, timeout=0.5)
            if message is not None:
                await self._heed(message["data"])

    async def _heed(self, text: str) -> None:
        try:
            changed = json.loads(text)
            fields = [(kind, str(changed[kind])) for kind in HASHES if kind in changed]
        except (ValueError, TypeError):
            log.warning("a message on %s is not understood", CHANGED)
            return
        for kind, name in fields:
            found: Any = await self._redis.hget(HASHES[kind], name)
            self._heeded += 1
            self._learn(kind, name, found)

    async def fetch(self, kind: str, name: str) -> None:
        """Learn a field that somebody asks for before its message came, and the limits of its workspace with it.

        Raises `CannotAsk` where Redis is away, and where it knows nothing of it because it has lost its data.
        """
        if not self.up:
            raise CannotAsk
        try:
            found, limits = await self._read_with_limits(kind, name)
        except AWAY as fault:
            raise CannotAsk from fault
        if found is not None:
            if limits is not None:
                self._learn("limits", _workspace_of(kind, name, found), limits)
            self._learn(kind, name, found)
        elif time.monotonic() < self._trust_from:
            raise CannotAsk

    async def _read_with_limits(self, kind: str, name: str) -> tuple[str | None, str | None]:
        """Read a field and its workspace's limits; again where a message came meanwhile, which may know better."""
        while True:
            heeded = self._heeded
            found: Any = await self._redis.hget(HASHES[kind], name)
            if found is None:
                return None, None
            limits: Any = await self._redis.hget(LIMITS, _workspace_of(kind, name, found))
            if heeded == self._heeded:
                return found, limits

    async def _read_all(self) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        for key in HASHES.values():
            pipeline.hgetall(key)
        pipeline.hgetall(PREDICTORS)
        pipeline.set(f"{PREFIX}seen:{self._name}", "1", get=True, ex=SEEN_SECONDS)
        *found, predictors, seen = await pipeline.execute()
        self.predictors = max(1, sum(_was_heard(raw, ALIVE_SECONDS) for raw in predictors.values()))
        silent = [name for name, raw in predictors.items() if not _was_heard(raw, FORGET_SECONDS)]
        if silent:
            await self._redis.hdel(PREDICTORS, *silent)
        may_forget = self._may_forget(is_intact=seen is not None, is_filled=any(found))
        for kind, fields in zip(HASHES, found, strict=True):
            if may_forget:
                for name in self._known[kind].keys() - fields.keys():
                    self._learn(kind, name, None)
            for name, raw in fields.items():
                self._learn(kind, name, raw)
        self._learner.learned_all()

    def _may_forget(self, *, is_intact: bool, is_filled: bool) -> bool:
        """Whether what Redis does not know any more is really gone.

        Each predictor leaves a mark in Redis. Where it has vanished, Redis was emptied: until the platform has had time
        to publish everything anew, only what it takes away expressly is forgotten.
        """
        now = time.monotonic()
        if not is_intact and self._read_before:
            log.warning("Redis has lost its data, going on with what is known")
            self._trust_from = inf
        if self._trust_from == inf and is_filled:
            self._trust_from = now + REPUBLISH_SECONDS
        self._read_before = True
        return now >= self._trust_from

    def _learn(self, kind: str, name: str, raw: str | None) -> None:
        if self._known[kind].get(name) == raw:
            return
        if raw is None:
            del self._known[kind][name]
        else:
            self._known[kind][name] = raw
        self._learner.learn(kind, name, raw)

    # -- out

    async def lend(self, ask: Ask) -> Grant:
        """Lease units, or give them back."""
        if not self.up:
            raise LenderAway
        rate, month = ask.limits.requests_per_second, ask.limits.predictions_per_month
        arguments = [
            -1 if rate is None else rate,
            ask.requests,
            -1 if month is None else month,
            ask.predictions,
            ask.owed,
        ]
        try:
            answer = await self._lease(
                keys=[rate_key(ask.workspace), spent_key(ask.workspace, ask.month)], args=arguments
            )
        except AWAY as fault:
            raise LenderAway from fault
        requests, left, wait, predictions, spent = (int(part) for part in answer)
        return Grant(requests=requests, requests_left=left, wait_ms=wait, predictions=predictions, spent=spent)

    async def tell_usage(self, batch: int, entries: list[str]) -> bool:
        """Add usage to the stream, once for each `batch` number. False where Redis does not answer."""
        return await self._add(USAGE, f"{PREFIX}told:{self._name}", [batch, "usage", *entries])

    async def tell_shadows(self, batch: int, entries: list[str]) -> bool:
        """Add what was found of shadows, likewise."""
        return await self._add(SHADOWS, f"{PREFIX}told:{self._name}:shadows", [batch, "shadowing", *entries])

    async def tell_observations(self, batch: int, live: Mapping[str, Mapping[str, int]], entries: list[str]) -> bool:
        """Add what was observed (`contracts.observations`), likewise."""
        arguments: list[Any] = [batch, json.dumps(live), LIVE_SECONDS, MOST_OBSERVATIONS, *entries]
        try:
            await self._observe(keys=[OBSERVATIONS, f"{PREFIX}told:{self._name}:observations"], args=arguments)
        except AWAY:
            return False
        return True

    async def _add(self, stream: str, mark: str, arguments: list[Any]) -> bool:
        try:
            await self._tell(keys=[stream, mark], args=arguments)
        except AWAY:
            return False
        return True

    async def share_metrics(self, address: str, text: str) -> Mapping[str, str]:
        """Leave our metrics for the other predictors at `address` and return what they left; nothing without Redis."""
        key = metrics_key(address)
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hset(key, self._name, text)
        pipeline.expire(key, ALIVE_SECONDS * 4)
        pipeline.hgetall(key)
        try:
            found: Mapping[str, str] = (await pipeline.execute())[2]
        except AWAY as fault:
            log.debug("not shared: %s", fault)
            return {}
        return found

    async def report(self, routes: Mapping[str, Any]) -> None:
        """Tell the platform how every endpoint fares here."""
        await self._try(self._redis.hset(PREDICTORS, self._name, json.dumps({"at": time.time(), "routes": routes})))

    async def leave(self) -> None:
        """Take this predictor off the list."""
        await self._try(self._redis.hdel(PREDICTORS, self._name))

    async def _try(self, command: Any) -> None:
        try:
            await command
        except AWAY as fault:
            log.debug("not told: %s", fault)


def _was_heard(raw: str, seconds: float) -> bool:
    try:
        return bool(json.loads(raw)["at"] > time.time() - seconds)
    except (ValueError, KeyError, TypeError):
        return False


def _workspace_of(kind: str, name: str, raw: str) -> str:
    """The workspace of a published key or route; nothing where the key cannot be understood."""
    if kind == "routes":
        return name.partition("/")[0]
    try:
        return str(json.loads(raw)["workspace"])
    except (ValueError, KeyError, TypeError):
        return ""
