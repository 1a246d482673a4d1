"""Between a child process and the row it works for: records what is said, keeps the lease, carries wishes."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from modelyard import leasing
from modelyard.contracts.progress import Progress
from modelyard.leased_work import Work
from modelyard.runs import services as runs
from modelyard.runs.models import TrainingRun
from workers.presence import Presence
from workers.supervising import Ending

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

FINISH = "finish"
DEVICE_SECONDS = 5.0
SAFE_SHARE = 2 / 3
"""Without the database for this share of the lease, a worker stops by itself, before somebody takes over."""


class LeaseAttendant(Generic[Work]):
    """Attends claimed work. A database that is away for a while is borne, as long as the lease surely holds.

    `record` writes down what the child said, and answers whether the work is still this worker's.
    """

    def __init__(self, work: Work, presence: Presence, record: Callable[..., bool]) -> None:
        self.work, self.presence, self.record = work, presence, record
        self.beaten_at = self.reached_at = time.monotonic()
        self.unheard: list[Progress] = []

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        self.unheard += said
        if not self.unheard:
            return None
        held = self._reach(lambda: self.record(self.work, *self.unheard))
        if held:
            self.unheard.clear()
        return Ending.LOST if held is False else None

    def look(self) -> Ending | None:
        if self.presence.stopping.is_set():
            return Ending.INTERRUPTED
        environment, now = settings.ENVIRONMENT, time.monotonic()
        if now - self.reached_at > environment.lease_seconds * SAFE_SHARE:
            return Ending.LOST
        if now - self.beaten_at >= environment.heartbeat_seconds:
            if self._reach(lambda: leasing.beat(self.work)) is False:
                return Ending.LOST
            self.beaten_at = now
        return self._heed_wishes()

    def carry(self, wishes: Work) -> None:
        """Hand on what a person asked for, beyond cancelling."""

    def _heed_wishes(self) -> Ending | None:
        wishes = self._reach(lambda: [leasing.read_wishes(self.work)])
        if wishes is None:
            return None
        (row,) = wishes
        if row is None:
            return Ending.LOST
        if row.cancel_requested:
            return Ending.CANCELLED
        self.carry(row)
        return None

    def _reach(self, ask: Callable[[], Answer]) -> Answer | None:
        """The database's answer, None while it is away."""
        try:
            answer = ask()
        except (OperationalError, InterfaceError) as fault:
            log.warning("%s %s: the database is away: %s", self.work.TOPIC, self.work.pk, fault)
            connection.close_if_unusable_or_obsolete()
            return None
        self.reached_at = time.monotonic()
        return answer


class RunAttendant(LeaseAttendant[TrainingRun]):
    """Attends a run: measures the device too, and carries the wish to finish early."""

    def __init__(self, run: TrainingRun, presence: Presence) -> None:
        super().__init__(run, presence, runs.record_progress)
        self.measured_at = 0.0

    def look(self) -> Ending | None:
        now = time.monotonic()
        if now - self.measured_at >= DEVICE_SECONDS:
            self.measured_at = now
            device = {**self.presence.device.to_json(), **self.presence.device.measure()}
            self.unheard.append(Progress(event="device", device=device))
        return super().look()

    def carry(self, wishes: TrainingRun) -> None:
        if wishes.finish_requested:
            (self.work.folder / FINISH).touch()
