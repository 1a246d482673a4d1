"""Between a training process and its row: records what is said, keeps the lease, carries a person's wishes."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from modelyard.contracts.progress import Progress
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


class RunAttendant:
    """Attends one claimed run. A database that is away for a while is borne, as long as the lease surely holds."""

    def __init__(self, run: TrainingRun, presence: Presence) -> None:
        self.run, self.presence = run, presence
        self.beaten_at = self.reached_at = time.monotonic()
        self.measured_at = 0.0
        self.unheard: list[Progress] = []

    def hear(self, said: Sequence[Progress]) -> Ending | None:
        self.unheard += said
        if not self.unheard:
            return None
        held = self._reach(lambda: runs.record_progress(self.run, *self.unheard))
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
            if self._reach(lambda: runs.beat(self.run)) is False:
                return Ending.LOST
            self.beaten_at = now
        if now - self.measured_at >= DEVICE_SECONDS:
            self.measured_at = now
            device = {**self.presence.device.to_json(), **self.presence.device.measure()}
            self.unheard.append(Progress(event="device", device=device))
        return self._heed_wishes()

    def _heed_wishes(self) -> Ending | None:
        wishes = self._reach(lambda: [runs.read_wishes(self.run)])
        if wishes is None:
            return None
        (row,) = wishes
        if row is None:
            return Ending.LOST
        if row.cancel_requested:
            return Ending.CANCELLED
        if row.finish_requested:
            (self.run.folder / FINISH).touch()
        return None

    def _reach(self, ask: Callable[[], Answer]) -> Answer | None:
        """The database's answer, None while it is away."""
        try:
            answer = ask()
        except (OperationalError, InterfaceError) as fault:
            log.warning("run %s: the database is away: %s", self.run.pk, fault)
            connection.close_if_unusable_or_obsolete()
            return None
        self.reached_at = time.monotonic()
        return answer
