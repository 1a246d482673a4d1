"""The clock that does periodic work itself, in the process of `celery beat`.

Work is not sent anywhere: repair must not wait for the broker that it repairs, nor behind a large file in a queue.
"""

import logging
from datetime import timedelta
from typing import Any

from celery.beat import ScheduleEntry, Scheduler
from django.db import close_old_connections

log = logging.getLogger(__name__)


class Upkeep(Scheduler):  # type: ignore[misc]
    """Runs what is due, one after the other; what fails is logged and due again at its next time."""

    producer = None

    def setup_schedule(self) -> None:
        """Everything is due at the start: what a crash has left is repaired at once."""
        super().setup_schedule()
        for entry in self.schedule.values():
            entry.last_run_at -= timedelta(days=1)

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        close_old_connections()
        outcome = self.app.tasks[entry.task].apply()
        if outcome.failed():
            log.error("%s failed: %s", entry.name, outcome.result)
        return outcome

    @property
    def info(self) -> str:
        return "    . work is done in this process"
