"""Work that waits for the object store: tried again while the store is away, with the lease kept meanwhile."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, connection

from modelyard.errors import StorageAway
from modelyard.leased_work import LeasedWork
from modelyard.leasing import beat, read_wishes
from workers.presence import Presence

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

PATIENCE_SECONDS = 900.0
PAUSE_SECONDS = 5.0


@contextmanager
def beating(work: LeasedWork) -> Iterator[None]:
    """Keep the lease of `work` from a thread, as long as the block lasts."""
    over = threading.Event()

    def keep() -> None:
        while not over.wait(settings.ENVIRONMENT.heartbeat_seconds):
            try:
                beat(work)
            except DatabaseError as fault:
                log.warning("the lease of %s could not be renewed: %s", work.pk, fault)
                connection.close_if_unusable_or_obsolete()
        connection.close()

    thread = threading.Thread(target=keep, name="beating", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def insist(act: Callable[[], Answer], work: LeasedWork, presence: Presence) -> Answer:
    """Do what needs the object store, for a quarter of an hour if need be.

    Raises `StorageAway` then, or as soon as the worker is to stop or the work is lost or not wanted any more.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    with beating(work):
        while True:
            try:
                return act()
            except StorageAway:
                if time.monotonic() > deadline or not _is_wanted(work):
                    raise
                log.warning("%s waits for the object store", work.pk)
                if presence.stopping.wait(PAUSE_SECONDS):
                    raise


def _is_wanted(work: LeasedWork) -> bool:
    row = read_wishes(work)
    return row is not None and not row.cancel_requested
