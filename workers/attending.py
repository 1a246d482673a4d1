"""Between a child process and the row it works for: records what is said, keeps the lease, carries wishes."""

import logging
import math
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
from workers.measuring import PhaseClock
from workers.presence import Presence
from workers.supervising import Ending

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

FINISH = "finish"
DEVICE_SECONDS = 5.0
TOLERATED_SECONDS = 0.5
UNFINISHED = ("starting", "reading", "preparing", "training")
"""Phases in which there is no model yet."""
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
    """Attends a run: measures the device and the phases too, keeps the time, carries the wish to finish early."""

    def __init__(self, run: TrainingRun, presence: Presence) -> None:
        super().__init__(run, presence, runs.record_progress)
        self.measured_at = 0.0
        self.seconds = math.inf
        self.phases = PhaseClock()

    def begin(self, seconds: float) -> None:
        """A trainer has `seconds` from when it says that it starts: loading the program is nobody's fault."""
        self.seconds = seconds
        self.phases.start_anew()

    def note(self, said: Progress) -> None:
        """Write something down that no child said."""
        self.unheard.append(said)

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        for one in said:
            if one.event == "phase" and one.phase is not None:
                self.phases.enter(one.phase)
        return super().hear(said)

    def look(self) -> Ending | None:
        now = time.monotonic()
        if now - self.measured_at >= DEVICE_SECONDS:
            self.measured_at = now
            device = {**self.presence.device.to_json(), **self.presence.device.measure()}
            self.unheard.append(Progress(event="device", device=device))
        return super().look() or self._keep_time()

    def carry(self, wishes: TrainingRun) -> None:
        if wishes.finish_requested:
            (self.work.folder / FINISH).touch()

    def _keep_time(self) -> Ending | None:
        """A trainer that is still training after its time has failed to stop by itself. One that finishes its model is
        let go on: to begin that anew would take longer."""
        overdue = self.phases.elapsed > self.seconds + TOLERATED_SECONDS
        return Ending.TIMED_OUT if overdue and self.phases.current in UNFINISHED else None
