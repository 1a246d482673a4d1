"""A backup: the database at one moment, the files that its rows refer to, and what it takes to use them again."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from modelyard import __version__, storage
from modelyard.accounts.services import record
from modelyard.errors import StorageAway, StorageDamaged
from modelyard.keeping import secrets, snapshots
from modelyard.keeping.archive import ArchiveWriter, BadArchive, Manifest, writing
from modelyard.keeping.filing import Filing, list_filings
from modelyard.objects import locks

HOME = "home/"
SCRATCH = ".modelyard-backup-"
REMEMBERED = ("sample.json",)
"""Files of the home folder that say what was done once and is not done again."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a backup holds. `absent`: folders that rows refer to and that are not there."""

    path: Path
    bytes: int
    files: int
    absent: list[str]
    has_secrets: bool


def back_up(target: Path) -> Made:
    """Write a backup to `target` (in a folder: under a name with the time). Others go on working meanwhile.

    Files are copied after the database was: what its rows refer to is never changed, only deleted. Raises `BadArchive`
    where the target cannot be written, and `StorageAway`.
    """
    path = _free_target(target)
    keys, bucket = settings.ENVIRONMENT.backup_keys, settings.ENVIRONMENT.bucket
    if bucket is not None and bucket.keys and not keys:
        raise BadArchive("files are encrypted here, so a backup has to be too: set MODELYARD_BACKUP_KEY_FILE")
    try:
        with (
            _scratch_beside(path) as scratch,
            snapshots.taking(scratch) as snapshot,
            writing(path, keys, scratch) as archive,
        ):
            migrations = snapshots.list_migrations(snapshot)
            tables = snapshot.add_to(archive)
            absent = [_name(filing) for filing in list_filings(snapshot.fetch) if not _add_files(archive, filing)]
            _add_home(archive)
            if keys:
                secrets.add_secrets(archive)
            manifest = Manifest(
                version=__version__,
                made_at=timezone.now().isoformat(timespec="seconds"),
                vendor=connection.vendor,
                migrations=migrations,
                tables=tables,
                secrets=secrets.fingerprints(),
                absent=absent,
                members=dict(archive.members),
            )
            archive.finish(manifest)
    except OSError as fault:
        raise BadArchive(f"the backup was not made: {fault}") from fault
    record("installation.back_up", path.name, by=None, workspace=None, bytes=path.stat().st_size)
    still_wanted = {_name(filing) for filing in list_filings(snapshots.fetch_now)}
    return Made(
        path=path,
        bytes=path.stat().st_size,
        files=len(manifest.members),
        absent=[name for name in absent if name in still_wanted],
        has_secrets=bool(keys),
    )


@contextmanager
def _scratch_beside(path: Path) -> Iterator[Path]:
    """A folder on the disk that the backup goes to, gone afterwards; those of backups that were killed go too.

    Who works in one holds a lock on it, which ends with the process.
    """
    for left in path.parent.glob(f"{SCRATCH}*"):
        with locks.exclusive_now(left / "lock") as abandoned:
            if abandoned:
                shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=path.parent))
    try:
        with locks.exclusive(scratch / "lock"):
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _free_target(target: Path) -> Path:
    path = target / f"modelyard-{timezone.now():%Y%m%d-%H%M%S}.backup" if target.is_dir() else target
    if path.exists():
        raise BadArchive(f"{path} is there already; name a new file, or a folder")
    if not path.parent.is_dir():
        raise BadArchive(f"there is no folder {path.parent}; make it first")
    return path.resolve()


def _add_files(archive: ArchiveWriter, filing: Filing) -> bool:
    """Add the files of a folder; False where it is gone or not what was kept."""
    added = False
    try:
        with storage.opened(filing.folder, filing.seal, *filing.names, manifest=filing.manifest) as folder:
            for name, path in filing.files(folder):
                archive.add_file(name, path)
                added = True
    except (FileNotFoundError, StorageDamaged):
        return False
    except StorageAway as fault:
        raise BadArchive(f"the backup was not made: {fault.message}") from fault
    return added


def _add_home(archive: ArchiveWriter) -> None:
    for name in REMEMBERED:
        path = Path(settings.ENVIRONMENT.home) / name
        if path.is_file():
            archive.add_file(HOME + name, path)


def _name(filing: Filing) -> str:
    return f"{filing.kind}/{filing.subject}"
