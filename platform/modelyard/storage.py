"""Where files lie: one folder per object, named by ids that we draw. No word of a user is ever part of a path.

Where all machines share one folder (`file://`) that is all there is to it. Where they share an object store (`s3://`),
a folder is this machine's copy, and whoever writes or reads one goes through four acts, which fit both:

    folder = storage.version_folder(version)            write into it, as into any folder
    seal = storage.keep(folder)                         it is complete: now it is safe; note the seal in the row
    with storage.opened(folder, seal) as folder: …      read it on any machine, as long as the block lasts
    storage.remove(folder)                              gone, here and in the store

With a shared folder `keep` answers "" and `opened` gives the folder as it lies there. What was kept never changes: keep
a folder again after adding files and there is a new seal. `Unreachable` and `Damaged` are the two ways to fail.
"""

import logging
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import flush
from modelyard.errors import StorageAway, StorageDamaged
from modelyard.objects.bucket import Bucket
from modelyard.objects.faults import Damaged, Unreachable
from modelyard.objects.parts import join_parts, store_part
from modelyard.objects.shelf import Shelf
from modelyard.objects.sweeping import QUIET_SECONDS, keep_sweeping, last_written

log = logging.getLogger(__name__)

ASKED_AT_ONCE = 500
LISTING_SECONDS = 600.0
"""How often the object store is asked for everything it holds: stores charge for that."""
Finder = Callable[[Collection[UUID]], Collection[UUID]]
"""Says which of these ids rows want files for."""


def upload_file(upload: UUID) -> Path:
    """The file that an upload grows in."""
    return _made("uploads") / str(upload)


def version_folder(version: UUID) -> Path:
    """The folder of a data set version (its content: `contracts.profile`)."""
    return _made("datasets") / str(version)


def run_folder(run: UUID) -> Path:
    """The folder of a run: plan.json, checkpoints/, and one folder per fence with what that attempt leaves."""
    return _made("runs") / str(run)


def artifact_folder(version: UUID) -> Path:
    """The folder of a registered model version (its content: `contracts.artifact`)."""
    return _made("artifacts") / str(version)


def batch_folder(batch: UUID) -> Path:
    """The folder of a batch prediction: the file that came."""
    return _made("batches") / str(batch)


def scoring_folder(batch: UUID) -> Path:
    """Where a worker answers a batch prediction: what was found in the file, and the parts that are done."""
    return _made("scoring") / str(batch)


def predictions_folder(batch: UUID) -> Path:
    """The folder of a finished batch prediction: the file with predictions added."""
    return _made("predictions") / str(batch)


def export_folder(export: UUID) -> Path:
    """The folder of an export: the zip with everything that a person owns."""
    return _made("exports") / str(export)


def keep(folder: Path, *, at: Path | None = None, manifest: str = "") -> str:
    """Make everything in `folder` safe and readable from every machine; returns the seal to open it with.

    It is opened as `at`, if that is given. `manifest` names a file in the folder that lists all others
    (`contracts.artifact`): the seal is then its SHA-256. Raises `StorageAway`.
    """
    shelf = current_shelf()
    if shelf is None:
        return ""
    with _in_our_words():
        return shelf.keep(folder, at=at, manifest=manifest)


def move(source: Path, target: Path) -> None:
    """Put a complete folder in its final place. With an object store `keep(…, at=target)` has done so."""
    if current_shelf() is None:
        reach("artifact.before_move")
        remove(target)
        source.rename(target)
        flush(target.parent)
        reach("artifact.moved")


def address_of(folder: Path) -> str:
    """What a process elsewhere finds `folder` by: its path, or its path below the root of the object store."""
    shelf = current_shelf()
    return str(folder) if shelf is None else shelf.key_of(folder)


@contextmanager
def opened(folder: Path, seal: str, *names: str, manifest: str = "") -> Iterator[Path]:
    """Have `folder` (or only these files and folders in it) here to read, whole and unchanged since it was kept.

    Without a seal it is taken as it lies here; in either case it stays as long as the block lasts. Raises `StorageAway`
    or `StorageDamaged`.
    """
    shelf = current_shelf()
    if shelf is None:
        yield folder
        return
    with shelf.in_use(folder):
        if seal:
            with _in_our_words():
                shelf.fetch(folder, seal, names, manifest=manifest)
        yield folder


def keep_part(upload: UUID, start: int, content: bytes) -> None:
    """Make bytes of a growing upload safe, so that another machine can go on. Raises `StorageAway`."""
    shelf = current_shelf()
    if shelf is not None and content:
        with _in_our_words():
            store_part(shelf.store, f"uploads/{upload}", start, content)


def join_upload(upload: UUID, length: int, target: Path) -> None:
    """Put the whole of an upload to `target`: moved there or, with an object store, joined from its parts."""
    shelf = current_shelf()
    if shelf is None:
        reach("upload.before_move")
        upload_file(upload).rename(target)
        reach("upload.moved")
        return
    partial = target.with_name(f"{target.name}.partial")
    with _in_our_words():
        join_parts(shelf.store, f"uploads/{upload}", length, partial)
    reach("upload.before_join")
    partial.rename(target)
    reach("upload.joined")


def forget_former(folder: Path, seal: str) -> None:
    """Delete what earlier seals of `folder` had and this one has not. Raises `StorageAway`."""
    shelf = current_shelf()
    if shelf is not None and seal:
        with _in_our_words():
            shelf.forget_former(folder, seal)


def remove(folder: Path) -> None:
    """Delete a folder or file of ours, if it is there. What a store that is away still has, `sweep` deletes later."""
    root = settings.ENVIRONMENT.storage.resolve()
    if root not in folder.resolve().parents:
        raise ValueError(f"{folder} is outside the storage")
    reach("files.before_removal")
    shelf = current_shelf()
    if shelf is not None:
        try:
            shelf.remove(folder)
        except Unreachable as fault:
            log.error("%s is to be deleted once the object store is back: %s", folder, fault)
    elif folder.is_dir():
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


def find_orphans(kind: str, find_rows: Finder, *, quiet_seconds: float) -> set[UUID]:
    """What of a kind lies here, untouched for so long, and belongs to no row."""
    return _without_rows(set(_quiet_ids(settings.ENVIRONMENT.storage / kind, quiet_seconds)), find_rows)


def find_stored_orphans(shelf: Shelf, kind: str, find_rows: Finder, *, quiet_seconds: float) -> set[UUID]:
    """The same of what lies in the object store. Raises `Unreachable`."""
    stored = {subject for name in shelf.store.list_folders(f"{kind}/") if (subject := _id_of(name)) is not None}
    oldest = datetime.now(UTC) - timedelta(seconds=quiet_seconds)
    return {orphan for orphan in _without_rows(stored, find_rows) if last_written(shelf, f"{kind}/{orphan}") <= oldest}


def sweep(kind: str, find_rows: Finder) -> int:
    """Delete day-old `kind` (a folder's name above) that no row belongs to: a crash came between. Returns how many."""
    orphans = find_orphans(kind, find_rows, quiet_seconds=QUIET_SECONDS)
    shelf = current_shelf()
    if shelf is not None and shelf.listing_is_due(kind, LISTING_SECONDS):
        try:
            orphans |= find_stored_orphans(shelf, kind, find_rows, quiet_seconds=QUIET_SECONDS)
        except Unreachable as fault:
            log.warning("the object store cannot be swept: %s", fault)
    for orphan in orphans:
        log.info("removing %s/%s, which belongs to nothing", kind, orphan)
        remove(settings.ENVIRONMENT.storage / kind / str(orphan))
    return len(orphans)


def is_name(name: str) -> bool:
    """Whether we might have drawn this name of a file or folder."""
    return _id_of(name) is not None


def size_of(folder: Path) -> int:
    """Bytes in all files below `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def current_shelf() -> Shelf | None:
    """This machine's copies of what the object store holds; None where machines share a folder."""
    environment = settings.ENVIRONMENT
    return None if environment.bucket is None else _shelf(environment.storage, environment.bucket, environment.cache)


@cache
def _shelf(root: Path, bucket: Bucket, bytes_kept: int) -> Shelf:
    shelf = Shelf(root, bucket, bytes_kept)
    keep_sweeping(shelf)
    return shelf


def _without_rows(subjects: set[UUID], find_rows: Finder) -> set[UUID]:
    """Those that the database knows nothing of, asked for a handful at a time."""
    listed = sorted(subjects)
    parts = [listed[start : start + ASKED_AT_ONCE] for start in range(0, len(listed), ASKED_AT_ONCE)]
    return subjects.difference(*(find_rows(part) for part in parts))


def _quiet_ids(folder: Path, quiet_seconds: float) -> Iterator[UUID]:
    oldest = time.time() - quiet_seconds
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        subject = _id_of(path.name)
        if subject is not None and path.stat().st_mtime <= oldest:
            yield subject


def _id_of(name: str) -> UUID | None:
    try:
        return UUID(name)
    except ValueError:
        return None


@contextmanager
def _in_our_words() -> Iterator[None]:
    """People are told what to do; what the store said exactly is for the operator's log."""
    try:
        yield
    except Unreachable as fault:
        log.error("the object store: %s", fault)
        raise StorageAway(_("The store that holds the files does not answer; try again in a minute.")) from fault
    except Damaged as fault:
        log.error("the object store: %s", fault)
        words = _("What is stored is not what was put there, so it is not used. Please tell the operator.")
        raise StorageDamaged(words) from fault


def _made(name: str) -> Path:
    folder: Path = settings.ENVIRONMENT.storage / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
