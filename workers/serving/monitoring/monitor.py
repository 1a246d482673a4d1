"""The monitor: where calls are counted, and where once a second it is worked out what people and programs are shown."""

import json
import time
from collections import Counter
from collections.abc import Iterable

from modelyard.contracts.observations import Observation, Rules, write_observation
from workers.serving.call import Access
from workers.serving.endpoints import Served
from workers.serving.http.exchange import Exchange
from workers.serving.monitoring.failures import Failures
from workers.serving.monitoring.observing import Observer, Tell
from workers.serving.monitoring.sampling import Sampler
from workers.serving.problems import Problem
from workers.serving.usage import Meter
from workers.serving.usage import Tell as TellUsage

TELL_HOURS_EVERY = 10
"""Seconds from one telling of hourly counts and sketches to the next."""


class Monitor:
    """`meter` counts every call. `sampler` wants to be offered answered calls while it has room left."""

    def __init__(self, tell_usage: TellUsage, tell: Tell) -> None:
        self._observer = Observer()
        self._failures = Failures()
        self._tell = tell
        self._batch = time.time_ns()
        self._pending: tuple[dict[str, dict[str, int]], list[str]] | None = None
        self._ticks = 0
        self.meter = Meter(tell_usage, self._observer.observe)
        self.sampler = Sampler()
        self.refusals: Counter[int] = Counter()

    @property
    def observer(self) -> Observer:
        return self._observer

    def put_rules(self, endpoint: str, rules: Rules | None) -> None:
        self._failures.put_rules(endpoint, rules)

    def note_refusal(self, exchange: Exchange, access: Access, problem: Problem, served: Served | None) -> None:
        """Count a call of an endpoint that was refused, and remember why."""
        subject = access.subject(served.version if served is not None else 0)
        self.meter.count_failure(subject, int(problem.status), time.monotonic() - exchange.started)
        self._failures.note(subject, problem, _input_names(access, served), exchange.request_id)

    async def tick(self) -> None:
        """Once a second: hand on what was counted, tell what is new."""
        self._failures.tick()
        await self.meter.flush()
        await self.sampler.count()
        self._ticks += 1
        await self.flush(hours=self._ticks % TELL_HOURS_EVERY == 0)

    async def flush(self, *, hours: bool = True) -> None:
        """Tell the platform what is new. What cannot be told is kept and told again, never twice."""
        if self._pending is None:
            self._pending = self._gather(hours)
            self._batch += 1
        live, entries = self._pending
        if (not live and not entries) or await self._tell(self._batch, live, entries):
            self._pending = None

    def _gather(self, hours: bool) -> tuple[dict[str, dict[str, int]], list[str]]:
        observations: list[Observation] = [*self._failures.take()]
        if hours:
            observations += [*self._observer.take_hours(), *self.sampler.take()]
        entries = [json.dumps(write_observation(observation)) for observation in observations]
        return self._observer.take_live(), entries


def _input_names(access: Access, served: Served | None) -> Iterable[str]:
    """The inputs of the version that was asked, or of the one that would have been."""
    asked = served or access.endpoint.latest
    return (item.name for item in asked.signature.inputs) if asked is not None else ()
