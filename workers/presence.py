"""This worker process, told to the platform regularly: its name and device, what it does, whether it is to stop."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from modelyard.runs import services as runs
from workers.devices import Device
from workers.warming import TrainerKeeper, keep_trainers

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Presence:
    """One worker process. `stopping` is set once it was asked to end."""

    name: str
    queues: Sequence[str]
    device: Device
    stopping: threading.Event = field(default_factory=threading.Event)
    run_id: UUID | None = None
    _gone: threading.Event = field(default_factory=threading.Event)

    @cached_property
    def trainers(self) -> TrainerKeeper:
        """Who trains for this worker."""
        return keep_trainers(self.device)

    def begin(self) -> None:
        """Report now and at every heartbeat, from a thread of its own; a worker that trains warms a trainer."""
        if "train" in self.queues:
            self.trainers.begin()
        threading.Thread(target=self._report_regularly, name="presence", daemon=True).start()

    def end(self) -> None:
        """Take the worker's row along."""
        self._gone.set()
        self.trainers.end()
        try:
            runs.forget_worker(self.name)
        except DatabaseError as fault:
            log.warning("worker %s could not sign off: %s", self.name, fault)

    @contextmanager
    def working_on(self, run_id: UUID) -> Iterator[None]:
        self.run_id = run_id
        self.report()
        try:
            yield
        finally:
            self.run_id = None
            self.report()

    def report(self) -> None:
        try:
            runs.report_worker(self.name, self.queues, {**self.device.to_json(), **self.device.measure()}, self.run_id)
        except DatabaseError as fault:
            log.warning("worker %s could not report itself: %s", self.name, fault)

    def _report_regularly(self) -> None:
        while True:
            self.report()
            close_old_connections()
            if self._gone.wait(settings.ENVIRONMENT.heartbeat_seconds):
                connection.close()
                return
