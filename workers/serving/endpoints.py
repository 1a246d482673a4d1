"""Endpoints as the predictor serves them: what a route asks for is loaded beside what answers, then flipped.

A shadow is loaded after the flip, so that it delays nothing, and its failure fails nothing but itself.
"""

import asyncio
import logging
import random
import zlib
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any, Literal

from modelyard.contracts.route import Route, Target
from modelyard.contracts.signature import Signature
from workers.serving.http.heads import JSON, compose_head
from workers.serving.models.loaded import CannotLoad
from workers.serving.models.repository import Repository, Slot
from workers.serving.tally import Tally

log = logging.getLogger(__name__)

RETRY_SECONDS = 15.0
State = Literal["loading", "live", "failed"]


class Served:
    """One version that an endpoint answers with. `documents` describe it, by the path that asked."""

    __slots__ = ("documents", "head", "signature", "slot", "tally", "target", "version")

    def __init__(self, target: Target, slot: Slot, signature: Signature) -> None:
        self.target = target
        self.version = target.version
        self.signature = signature
        self.slot = slot
        self.tally = Tally()
        self.documents: dict[str, bytes] = {}
        self.head = self.compose_head(JSON)

    def compose_head(self, media_type: bytes) -> bytes:
        return compose_head(200, media_type) + b"x-modelyard-version: %d\r\n" % self.version


class Endpoint:
    """A name that predicts. `live` is what answers, `sole` the one version where it is just one; `wanted` is what the
    platform asks for."""

    def __init__(self, wanted: Route) -> None:
        self.wanted = wanted
        self.route = wanted
        self.live: tuple[Served, ...] = ()
        self.sole: Served | None = None
        self.faults: dict[int, str] = {}
        self.shadow: Served | None = None
        self.shadow_fault = ""
        self.settled: Route | None = None
        self.first_settled = asyncio.Event()
        self.loading: Slot | None = None
        self.hurried = False
        self.retry_at = 0.0
        self._by_key: dict[str, Served] = {}
        self._shares: tuple[Served, ...] = ()
        self._bounds: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return self.wanted.name

    @property
    def workspace(self) -> str:
        return self.wanted.workspace

    @property
    def state(self) -> State:
        if self.settled is not self.wanted:
            return "loading"
        return "failed" if self.faults else "live"

    @property
    def message(self) -> str:
        return "; ".join(f"version {version}: {fault}" for version, fault in self.faults.items())

    def flip(self, route: Route, live: tuple[Served, ...]) -> None:
        self.route = route
        self.live = live
        self.sole = live[0] if len(live) == 1 else None
        chosen = {key: self.version(number) for key, number in route.keys.items()}
        self._by_key = {key: served for key, served in chosen.items() if served is not None}
        # In the order of their numbers a growing share keeps the sessions that it has.
        self._shares = tuple(sorted(live, key=lambda served: served.version))
        self._bounds = tuple(accumulate(max(0, served.target.percent) for served in self._shares))

    def choose(self, session: bytes | None, key: str) -> Served | None:
        """Return the version for a call: the one that its key names, else one by the percents of the split; the same
        one for the same `session`."""
        if self._by_key and (named := self._by_key.get(key)) is not None:
            return named
        if len(self.live) < 2:
            return self.live[0] if self.live else None
        whole = self._bounds[-1]
        if whole == 0:
            return self.live[0]
        point = random.randrange(whole) if session is None else zlib.crc32(session) % whole  # noqa: S311
        return next(served for served, bound in zip(self._shares, self._bounds, strict=True) if point < bound)

    def version(self, number: int) -> Served | None:
        return next((served for served in self.live if served.version == number), None)

    def label(self, label: str) -> Served | None:
        number = self.route.labels.get(label)
        return self.version(number) if number is not None else None

    @property
    def latest(self) -> Served | None:
        return max(self.live, key=lambda served: served.version, default=None)

    def version_states(self) -> dict[int, str]:
        """Return what TensorFlow Serving calls the state of each version."""
        states = {served.version: "AVAILABLE" for served in self.live}
        for target in self.wanted.targets:
            if target.version not in states:
                states[target.version] = "END" if target.version in self.faults else "LOADING"
        return states

    def report(self) -> dict[str, Any]:
        states = {str(version): state for version, state in self.version_states().items()}
        report = {"state": self.state, "message": self.message, "versions": states}
        if self.wanted.shadow is not None:
            report["shadow"] = self._shadow_report(self.wanted.shadow)
        return report

    def _shadow_report(self, wanted: Target) -> dict[str, Any]:
        state = "LOADING"
        if self.shadow_fault:
            state = "END"
        elif self.shadow is not None and self.shadow.target == wanted:
            state = "AVAILABLE"
        return {"version": wanted.version, "state": state, "message": self.shadow_fault}


class Endpoints:
    """All endpoints by `workspace/name`."""

    def __init__(self, repository: Repository, on_change: Callable[[], None]) -> None:
        self._repository = repository
        self._on_change = on_change
        self._endpoints: dict[str, Endpoint] = {}
        self._settling: dict[str, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Endpoint]:
        return iter(self._endpoints.values())

    def find(self, workspace: str, name: str) -> Endpoint | None:
        return self._endpoints.get(f"{workspace}/{name}")

    @property
    def loading(self) -> int:
        """How many endpoints have yet to load for the first time."""
        return sum(endpoint.settled is None for endpoint in self._endpoints.values())

    def put(self, field: str, route: Route | None) -> None:
        """Take in what the platform published."""
        if route is None:
            endpoint = self._endpoints.pop(field, None)
            if endpoint is not None:
                self._let_go(endpoint.live)
                self._put_shadow(endpoint, None)
                endpoint.first_settled.set()
            self._on_change()
            return
        known = self._endpoints.get(field)
        if known is None:
            known = self._endpoints[field] = Endpoint(route)
        known.wanted = route
        self._settle_soon(field)

    def tick(self) -> None:
        """Try again what failed: a folder may have come back."""
        now = asyncio.get_running_loop().time()
        for field, endpoint in self._endpoints.items():
            if (endpoint.state == "failed" or endpoint.shadow_fault) and now >= endpoint.retry_at:
                self._settle_soon(field)

    def report(self) -> dict[str, Any]:
        return {field: endpoint.report() for field, endpoint in self._endpoints.items()}

    async def first_version(self, endpoint: Endpoint) -> None:
        """Return once the endpoint has tried to load what it answers with, before all that nobody waits for."""
        endpoint.hurried = True
        if endpoint.loading is not None:
            self._repository.hurry(endpoint.loading)
        await endpoint.first_settled.wait()

    def _settle_soon(self, field: str) -> None:
        if field not in self._settling:
            self._settling[field] = asyncio.ensure_future(self._settle(field))

    async def _settle(self, field: str) -> None:
        """Load what is wanted, then flip. Whatever cannot be loaded leaves the last good versions where they are."""
        while (endpoint := self._endpoints.get(field)) is not None:
            route = endpoint.wanted
            served, faults = await self._load(endpoint, route)
            if not self._is_current(endpoint, route):
                self._let_go(served)
                continue
            former = endpoint.live
            if served and (not faults or not former):
                endpoint.flip(route, served)
                self._let_go(former)
            else:
                self._let_go(served)
            endpoint.faults, endpoint.settled = faults, route
            endpoint.first_settled.set()
            endpoint.retry_at = asyncio.get_running_loop().time() + RETRY_SECONDS
            self._on_change()
            await self._settle_shadow(endpoint, route)
            if self._is_current(endpoint, route):
                break
        del self._settling[field]

    def _is_current(self, endpoint: Endpoint, route: Route) -> bool:
        return self._endpoints.get(route.field) is endpoint and endpoint.wanted is route

    async def _load(self, endpoint: Endpoint, route: Route) -> tuple[tuple[Served, ...], dict[int, str]]:
        served, faults = [], {}
        for target in route.targets:
            try:
                served.append(await self._load_one(endpoint, target))
            except CannotLoad as fault:
                log.warning("endpoint %s, version %d: %s", route.field, target.version, fault)
                faults[target.version] = str(fault)
        return tuple(served), faults

    async def _load_one(self, endpoint: Endpoint, target: Target) -> Served:
        slot = endpoint.loading = self._repository.acquire(target)
        try:
            batcher = await self._repository.load(slot, hurried=endpoint.hurried)
        except CannotLoad:
            self._repository.release(slot)
            raise
        finally:
            endpoint.loading = None
        return Served(target, slot, batcher.model.signature)

    async def _settle_shadow(self, endpoint: Endpoint, route: Route) -> None:
        """Let the shadow be what is wanted. A release that failed has no shadow to compare with."""
        if endpoint.shadow is not None and endpoint.shadow.target != route.shadow:
            self._put_shadow(endpoint, None)
        fault = ""
        if route.shadow is not None and endpoint.shadow is None and endpoint.route is route:
            try:
                shadow = await self._load_one(endpoint, route.shadow)
            except CannotLoad as reason:
                log.warning("endpoint %s, shadow %d: %s", route.field, route.shadow.version, reason)
                fault = str(reason)
            else:
                if not self._is_current(endpoint, route):
                    self._let_go((shadow,))
                    return
                self._put_shadow(endpoint, shadow)
        if endpoint.shadow_fault != fault or route.shadow is not None:
            endpoint.shadow_fault = fault
            self._on_change()

    def _put_shadow(self, endpoint: Endpoint, shadow: Served | None) -> None:
        if endpoint.shadow is not None:
            self._let_go((endpoint.shadow,))
        endpoint.shadow = shadow

    def _let_go(self, served: tuple[Served, ...]) -> None:
        for one in served:
            self._repository.release(one.slot)
