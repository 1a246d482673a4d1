"""The predictor as a whole: its parts put together, started, kept, drained."""

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Collection
from functools import partial

from modelyard.contracts.observations import Rules
from modelyard.contracts.route import Key, Limits, Route
from workers.serving.admission.accounts import Account
from workers.serving.admission.callers import Callers
from workers.serving.admission.lookups import Lookups
from workers.serving.desk import Desk
from workers.serving.endpoints import Endpoints
from workers.serving.explaining.queueing import Explanations
from workers.serving.grpc.port import GrpcPort
from workers.serving.http.connections import Connections, HttpLimits
from workers.serving.http.cross_origin import CrossOrigin
from workers.serving.http.listener import Listener
from workers.serving.http.protocol import Application, HttpProtocol
from workers.serving.models.artifacts import Artifacts
from workers.serving.models.batching import QueueLimits
from workers.serving.models.repository import Repository
from workers.serving.monitoring.metrics import SHARE_SECONDS, Metrics
from workers.serving.monitoring.monitor import Monitor
from workers.serving.protocols.family import Family
from workers.serving.protocols.health import Health
from workers.serving.protocols.invocations import Invocations
from workers.serving.protocols.metrics import MetricsPage
from workers.serving.protocols.open_inference import OpenInference
from workers.serving.protocols.tensorflow_serving import TensorFlowServing
from workers.serving.redis_link import RedisLink
from workers.serving.settings import Settings
from workers.serving.shadowing import Shadows
from workers.serving.waiting import WaitingRoom

log = logging.getLogger(__name__)

TICK_SECONDS = 1.0
REPORT_SECONDS = 2.0
NOTICE_SECONDS = 0.5
SWITCH_SECONDS = 0.001
TELL_SECONDS = 10.0


class Predictor:
    """One predictor process. `run` serves until `stop` is called."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._link = RedisLink(settings.redis_url, settings.name, self)
        self._callers = Callers(settings.pepper)
        self._limits: dict[str, Limits] = {}
        self._accounts: dict[str, Account] = {}
        self._monitor = Monitor(self._link.tell_usage, self._link.tell_observations)
        self._artifacts = Artifacts(settings.shelf)
        self._repository = Repository(
            memory_bytes=settings.memory_bytes,
            threads=settings.threads,
            queue=QueueLimits(requests=settings.max_queued_requests, rows=settings.max_queued_rows),
            load_seconds=settings.load_seconds,
            artifacts=self._artifacts,
        )
        self._lookups = Lookups(self._link.fetch)
        self._shadows = Shadows(self._link.tell_shadows)
        self._explanations = Explanations(self._repository)
        self._endpoints = Endpoints(self._repository, self._note_change)
        self._waiting_room = WaitingRoom(settings.max_queued_requests)
        self._desks: list[Desk] = []
        self._desk = self._make_desk(
            TensorFlowServing(),
            OpenInference(),
            Invocations(settings.max_body_bytes),
            Health(),
            MetricsPage(self._show_metrics, settings.metrics_token),
        )
        self._grpc = GrpcPort(settings, self._make_desk, self.reasons_not_ready)
        origins = settings.origins
        self._application: Application = CrossOrigin(self._desk, origins) if origins else self._desk
        self._connections = Connections(
            HttpLimits(
                max_body_bytes=settings.max_body_bytes,
                max_connections=settings.max_connections,
                head_timeout=settings.head_timeout,
                body_timeout=settings.body_timeout,
                idle_timeout=settings.idle_timeout,
                max_arriving_bytes=max(settings.max_arriving_bytes, settings.max_body_bytes),
            ),
            self._desk.foresee,
        )
        self._metrics = Metrics(
            name=settings.name,
            monitor=self._monitor,
            endpoints=self._endpoints,
            repository=self._repository,
            connections=self._connections,
            is_redis_up=lambda: self._link.up,
        )
        self._learned_at: float | None = None
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()

    def _make_desk(self, *families: Family) -> Desk:
        """A desk for a transport. All desks share models, keys, limits and counts."""
        settings = self._settings
        desk = Desk(
            families=families,
            callers=self._callers,
            endpoints=self._endpoints,
            repository=self._repository,
            account_of=self._account_of,
            monitor=self._monitor,
            lookups=self._lookups,
            waiting_room=self._waiting_room,
            shadows=self._shadows,
            explanations=self._explanations,
            reasons=self.reasons_not_ready,
            deadline_ms=settings.deadline_ms,
            max_rows=settings.max_rows,
            max_body_bytes=settings.max_body_bytes,
        )
        self._desks.append(desk)
        return desk

    def _forget(self) -> None:
        for desk in self._desks:
            desk.forget()

    # -- what the platform published

    def learn(self, kind: str, name: str, raw: str | None) -> None:
        try:
            value = None if raw is None else json.loads(raw)
            if kind == "routes":
                self._endpoints.put(name, None if value is None else Route.from_json(value))
            elif kind == "keys":
                self._callers.put(name, None if value is None else Key.from_json(value))
            elif kind == "monitoring":
                self._monitor.put_rules(name, None if value is None else Rules.from_json(value))
            else:
                self._put_limits(name, Limits() if value is None else Limits.from_json(value))
        except (ValueError, KeyError, TypeError) as fault:
            log.error("%s %s as published is not understood: %r", kind, name, fault)
            if kind == "keys":
                self._callers.put(name, None)
        self._lookups.forget(kind, name)
        self._forget()

    def learned_all(self) -> None:
        if self._learned_at is None:
            self._learned_at = time.monotonic()

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
        self._forget()
        self._changed.set()

    def reasons_not_ready(self) -> list[str]:
        """Why a balancer should send nobody here; empty when ready.

        What is not loaded after a while need not keep everybody waiting: its first calls are held while it loads.
        """
        if self._stopping.is_set():
            return ["the predictor is stopping"]
        if self._learned_at is None:
            return ["the routes were not read from Redis yet"]
        if time.monotonic() - self._learned_at >= self._settings.ready_seconds:
            return []
        loading = self._endpoints.loading
        return [f"{loading} endpoints are loading"] if loading else []

    def _show_metrics(self) -> bytes:
        return self._metrics.show()

    # -- life

    def stop(self) -> None:
        self._stopping.set()

    def _make_protocol(self) -> HttpProtocol:
        return HttpProtocol(self._application, self._connections)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        self._artifacts.keep_sweeping()
        sys.setswitchinterval(SWITCH_SECONDS)
        self._connections.tick()
        settings = self._settings
        is_shared = settings.parent is not None
        listener = Listener(settings.host, settings.port, self._make_protocol, shared=is_shared)
        await listener.open()
        log.info("listening on %s:%d", settings.host, settings.port)
        async with asyncio.TaskGroup() as group:
            chores = [
                group.create_task(chore)
                for chore in (
                    self._link.run(),
                    self._connections.sweep(),
                    self._tick(),
                    self._report(),
                    self._share_metrics(),
                    self._grpc.open(),
                )
            ]
            await self._stopping.wait()
            await self._drain(listener)
            await _end(chores)
        await self._link.close()

    async def _tick(self) -> None:
        frozen = False
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._settings.parent not in (None, os.getppid()) and not self._stopping.is_set():
                log.error("the parent process is gone")
                self.stop()
            self._repository.tick()
            self._endpoints.tick()
            for account in list(self._accounts.values()):
                await account.tick()
            await self._monitor.tick()
            await self._shadows.flush()
            if not frozen and not self.reasons_not_ready():
                frozen = True
                _freeze_garbage()

    async def _share_metrics(self) -> None:
        """Where several predictors are behind this port, any of them tells Prometheus of all."""
        address = f"{socket.gethostname()}:{self._settings.port}"
        while True:
            await asyncio.sleep(SHARE_SECONDS)
            if self._link.up and self._link.predictors > 1:
                await self._metrics.share(partial(self._link.share_metrics, address))

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
        grpc_closed = asyncio.ensure_future(self._grpc.close(max(0.0, deadline - time.monotonic())))
        await listener.close()
        self._connections.drain()
        await asyncio.sleep(notice)
        while self._connections.busy and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        self._connections.close_idle()
        await grpc_closed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TELL_SECONDS):
                await self._tell_last()
        self._shadows.close()
        self._explanations.close()
        self._repository.close()

    async def _tell_last(self) -> None:
        for account in self._accounts.values():
            await account.give_back()
        await self._monitor.tick()
        await self._monitor.flush()
        await self._shadows.flush()
        await self._link.leave()


async def _end(chores: Collection[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a client that just loses its connection may swallow a cancellation."""
    while pending := [chore for chore in chores if not chore.done()]:
        for chore in pending:
            chore.cancel()
        await asyncio.wait(pending, timeout=1)


def _freeze_garbage() -> None:
    """What was loaded stays; looking through it again and again would cost large bodies their 99th percentile."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 5, 200)
