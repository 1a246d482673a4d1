"""Housekeeping of the copies on one machine: what was deleted in the store goes here too, and what is too much."""

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from modelyard.objects import locks
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.shelf import Shelf, discard

log = logging.getLogger(__name__)

EVERY_SECONDS = 300.0
QUIET_SECONDS = 24 * 3600.0
MARK = ".swept"
KINDS = ("uploads", "datasets", "artifacts", "runs", "batches", "scoring", "predictions", "exports")


def sweep(shelf: Shelf) -> None:
    """Take away copies of what is no longer stored, leftovers of a day, and what is too much. Raises `Unreachable`."""
    copied = {"/".join(key.split("/")[:2]) for key in shelf.copies()}  # first: what is kept meanwhile is no stray
    stored = {f"{kind}/{name}" for kind in _kinds_here(shelf) for name in shelf.store.list_folders(f"{kind}/")}
    for key in copied - stored:
        if shelf.take_away(key):
            log.info("took the copy of %s away: it is stored no more", key)
    for kind in _kinds_here(shelf):
        for path in _quiet(shelf.root / kind):
            if f"{kind}/{path.name}" not in stored and shelf.take_away(f"{kind}/{path.name}"):
                log.info("took %s/%s away, which nobody came back to", kind, path.name)
    for path in _quiet(shelf.root / ".arriving"):
        discard(path)
    for path in _quiet(shelf.root / ".locks"):
        _remove_unused(path)
    shelf.store.delete_unfinished(datetime.now(UTC) - timedelta(seconds=QUIET_SECONDS))
    shelf.make_room()


def sweep_when_due(shelf: Shelf, seconds: float = EVERY_SECONDS) -> bool:
    """Sweep unless a process of this machine did so within `seconds`; returns whether it was done."""
    shelf.root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with locks.exclusive_now(shelf.root / ".sweeping") as held:
        if not held or not is_due(shelf, seconds):
            return False
        try:
            sweep(shelf)
        except (Unreachable, Damaged) as fault:
            log.warning("the copies of stored files could not be compared with the store: %s", fault)
        (shelf.root / MARK).touch()
    return True


def is_due(shelf: Shelf, seconds: float = EVERY_SECONDS) -> bool:
    """Whether no process of this machine has swept within `seconds`."""
    mark = shelf.root / MARK
    return not mark.exists() or time.time() - mark.stat().st_mtime >= seconds


def keep_sweeping(shelf: Shelf) -> None:
    """Sweep from now on, in a thread that ends with the process."""

    def work() -> None:
        while True:
            try:
                sweep_when_due(shelf)
            except OSError as fault:
                log.error("the copies of stored files could not be swept: %s", fault)
            time.sleep(EVERY_SECONDS)

    threading.Thread(target=work, name="sweeper", daemon=True).start()


def last_written(shelf: Shelf, key: str) -> datetime:
    """When something was last stored below `key`."""
    return max((written for _key, written in shelf.store.list_keys(f"{key}/")), default=datetime.now(UTC))


def _remove_unused(lock: Path) -> None:
    """Nobody has held this lock for a day; whoever wants it again makes it anew."""
    with locks.exclusive_now(lock) as held:
        if held:
            lock.unlink(missing_ok=True)


def _kinds_here(shelf: Shelf) -> list[str]:
    return [kind for kind in KINDS if (shelf.root / kind).is_dir()]


def _quiet(folder: Path) -> list[Path]:
    """What in `folder` nothing was added to for a day."""
    oldest = time.time() - QUIET_SECONDS
    return [path for path in folder.iterdir() if _changed_before(path, oldest)] if folder.is_dir() else []


def _changed_before(path: Path, moment: float) -> bool:
    """Others take things away meanwhile: what is gone is of no interest."""
    try:
        return path.stat().st_mtime < moment
    except FileNotFoundError:
        return False
