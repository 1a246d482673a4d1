"""The predictor as a whole: its parts put together, started, kept, drained."""

import asyncio
import contextlib
import gc
import json
import logging
import signal
import sys
import time

from modelyard.contracts.route import Key, Limits, Route
from workers.serving.admission.accounts import Account
from workers.serving.admission.callers import Callers
from workers.serving.desk import Desk
from workers.serving.endpoints import Endpoints
from workers.serving.http.connections import Connections, HttpLimits
from workers.serving.http.listener import Listener
from workers.serving.http.protocol import HttpProtocol
from workers.serving.models.batching import QueueLimits
from workers.serving.models.repository import Repository
from workers.serving.protocols.health import Health
from workers.serving.protocols.invocations import Invocations
from workers.serving.protocols.open_inference import OpenInference
from workers.serving.protocols.tensorflow_serving import TensorFlowServing
from workers.serving.redis_link import RedisLink
from workers.serving.settings import Settings
from workers.serving.usage import Meter

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
REPORT_SECONDS = 2.0
NOTICE_SECONDS = 0.5
SWITCH_SECONDS = 0.001


class Predictor:
    """One predictor process. `run` serves until `stop` is called."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._link = RedisLink(settings.redis_url, settings.name, self)
        self._callers = Callers(settings.pepper)
        self._limits: dict[str, Limits] = {}
        self._accounts: dict[str, Account] = {}
        self._meter = Meter(self._link.tell_usage)
        self._repository = Repository(
            memory_bytes=settings.memory_bytes,
            threads=settings.threads,
            queue=QueueLimits(requests=settings.max_queued_requests, rows=settings.max_queued_rows),
        )
        self._endpoints = Endpoints(self._repository, self._note_change)
        self._desk = Desk(
            families=[TensorFlowServing(), OpenInference(), Invocations(), Health()],
            callers=self._callers,
            endpoints=self._endpoints,
            repository=self._repository,
            account_of=self._account_of,
            meter=self._meter,
            reasons=self.reasons_not_ready,
            deadline_ms=settings.deadline_ms,
            max_rows=settings.max_rows,
        )
        self._connections = Connections(
            HttpLimits(
                max_body_bytes=settings.max_body_bytes,
                max_connections=settings.max_connections,
                head_timeout=settings.head_timeout,
                body_timeout=settings.body_timeout,
                idle_timeout=settings.idle_timeout,
            )
        )
        self._learned = False
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()

    # -- what the platform published

    def learn(self, kind: str, name: str, raw: str | None) -> None:
        try:
            value = None if raw is None else json.loads(raw)
            if kind == "routes":
                self._endpoints.put(name, None if value is None else Route.from_json(value))
            elif kind == "keys":
                self._callers.put(name, None if value is None else Key.from_json(value))
            else:
                self._put_limits(name, Limits() if value is None else Limits.from_json(value))
        except (ValueError, KeyError, TypeError) as fault:
            log.error("%s %s as published is not understood: %r", kind, name, fault)
            if kind == "keys":
                self._callers.put(name, None)
        self._desk.forget()

    def learned_all(self) -> None:
        self._learned = True

    def _put_limits(self, workspace: str, limits: Limits) -> None:
        self._limits[workspace] = limits
        if workspace in self._accounts:
            self._accounts[workspace].set_limits(limits)

    def _account_of(self, workspace: str) -> Account:
        account = self._accounts.get(workspace)
        if account is None:
            limits = self._limits.get(workspace, Limits())
            account = Account(workspace, limits, self._link.lend, lambda: self._link.predictors)
            self._accounts[workspace] = account
        return account

    def _note_change(self) -> None:
        self._desk.forget()
        self._changed.set()

    def reasons_not_ready(self) -> list[str]:
        """Why a balancer should send nobody here; empty when ready."""
        if self._stopping.is_set():
            return ["the predictor is stopping"]
        if not self._learned:
            return ["the routes were not read from Redis yet"]
        loading = self._endpoints.loading
        return [f"{loading} endpoints are loading"] if loading else []

    # -- life

    def stop(self) -> None:
        self._stopping.set()

    def _make_protocol(self) -> HttpProtocol:
        return HttpProtocol(self._desk, self._connections)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        sys.setswitchinterval(SWITCH_SECONDS)
        self._connections.tick()
        self._meter.tick()
        listener = Listener(self._settings.host, self._settings.port, self._make_protocol)
        await listener.open()
        log.info("listening on %s:%d", self._settings.host, self._settings.port)
        async with asyncio.TaskGroup() as group:
            chores = [
                group.create_task(chore)
                for chore in (self._link.run(), self._connections.sweep(), self._tick(), self._report())
            ]
            await self._stopping.wait()
            await self._drain(listener)
            for chore in chores:
                chore.cancel()
        await self._link.close()

    async def _tick(self) -> None:
        frozen = False
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._meter.tick()
            self._repository.tick()
            self._endpoints.tick()
            for account in list(self._accounts.values()):
                await account.tick()
            await self._meter.flush()
            if not frozen and not self.reasons_not_ready():
                frozen = True
                _freeze_garbage()

    async def _report(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), REPORT_SECONDS)
            self._changed.clear()
            if self._link.up:
                await self._link.report(self._endpoints.report())

    async def _drain(self, listener: Listener) -> None:
        """Be unready for a moment, then take no new connections, answer what comes on the others and close them.

        Callers that keep their connection busy get an answer that says `connection: close`; only then are idle ones
        closed, so that hardly anybody sends a request into a connection that is just going away.
        """
        log.info("draining %d connections", len(self._connections))
        deadline = time.monotonic() + self._settings.drain_seconds
        notice = min(NOTICE_SECONDS, self._settings.drain_seconds / 2)
        await asyncio.sleep(notice)
        await listener.close()
        self._connections.draining = True
        await asyncio.sleep(notice)
        while self._connections.busy and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        self._connections.close_idle()
        for account in self._accounts.values():
            await account.give_back()
        await self._meter.flush()
        await self._link.leave()
        self._repository.close()


def _freeze_garbage() -> None:
    """What was loaded stays; looking through it again and again would cost large bodies their 99th percentile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
