"""Checkpoints of a running run go to the object store, so that another machine can take the run up.

Whoever holds the run stores the newest checkpoints at most every `MODELYARD_CHECKPOINT_SECONDS`, spends at most a tenth
of the time on it, and notes the seal in the row, under its fence. With a shared folder there is nothing to do.
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection

from modelyard import storage
from modelyard.contracts.crash_points import reach
from modelyard.errors import StorageAway, StorageDamaged
from modelyard.runs.models import TrainingRun

log = logging.getLogger(__name__)

FOLDER = "checkpoints"
STORED = "stored"
LARGEST_SHARE = 0.1


def restore_checkpoints(run: TrainingRun) -> None:
    """Have the checkpoints that were stored last, unless this machine has them or later ones. Raises `StorageAway`."""
    if not run.checkpoint or _read_note(run) == run.checkpoint:
        return
    try:
        with storage.opened(run.folder / FOLDER, run.checkpoint):
            log.info("run %s goes on from its stored checkpoint", run.pk)
    except StorageDamaged as fault:
        log.warning("run %s begins anew, its stored checkpoint is of no use: %s", run.pk, fault)


@contextmanager
def storing_checkpoints(run: TrainingRun) -> Iterator["CheckpointKeeper"]:
    """Store checkpoints from a thread, as long as the block lasts."""
    keeper = CheckpointKeeper(run)
    if storage.current_shelf() is not None:
        keeper.begin()
    try:
        yield keeper
    finally:
        keeper.end()


class CheckpointKeeper:
    """Stores the checkpoints of one attempt."""

    def __init__(self, run: TrainingRun) -> None:
        self._run = run
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._stored: list[str] = []

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """No more from now on; what is under way is finished first."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def store(self) -> bool:
        """Store what there is now; False where that is nothing new, or the run is no longer this worker's."""
        if storage.current_shelf() is None:
            return False
        folder, snapshot = self._run.folder / FOLDER, self._run.folder / f"storing-{self._run.fence}"
        try:
            found = _link_checkpoints(folder, snapshot)
            if not found or found == self._stored:
                return False
            seal = storage.keep(snapshot, at=folder)
            self._stored = found
            reach("checkpoint.before_noting")
            if not TrainingRun.objects.held_by(self._run).update(checkpoint=seal):
                return False
            reach("checkpoint.noted")
            (self._run.folder / STORED).write_text(seal)
            storage.forget_former(folder, seal)
        finally:
            shutil.rmtree(snapshot, ignore_errors=True)
        log.info("stored the checkpoints of run %s: %s", self._run.pk, ", ".join(found))
        return True

    def _work(self) -> None:
        pause = float(settings.ENVIRONMENT.checkpoint_seconds)
        while not self._over.wait(pause):
            started = time.monotonic()
            try:
                self.store()
            except (StorageAway, StorageDamaged, DatabaseError, OSError) as fault:
                log.warning("the checkpoints of run %s were not stored: %s", self._run.pk, fault)
            took = time.monotonic() - started
            pause = max(settings.ENVIRONMENT.checkpoint_seconds, took / LARGEST_SHARE)
            connection.close_if_unusable_or_obsolete()
        connection.close()


def _read_note(run: TrainingRun) -> str:
    """The seal of what this machine stored last of the run."""
    note = run.folder / STORED
    return note.read_text() if note.is_file() else ""


def _link_checkpoints(folder: Path, snapshot: Path) -> list[str]:
    """Give the files of all whole checkpoints a second name, which training does not delete; returns what there is."""
    shutil.rmtree(snapshot, ignore_errors=True)
    if not folder.is_dir():
        return []
    shutil.copytree(folder, snapshot, copy_function=os.link, ignore=shutil.ignore_patterns("*.partial"))
    return sorted(f"{path.relative_to(snapshot)}" for path in snapshot.rglob("*"))
