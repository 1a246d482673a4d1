"""Restoring: an archive that was found whole becomes an installation on a machine that has none.

Everything is put beside its place first and moved there at the end, the database last. While that is going on
`HOME/.restoring` says so: nothing starts then, and the next restore clears away what one that was killed has left.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from modelyard import storage
from modelyard.accounts.models import ApiKey
from modelyard.accounts.services import record
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.crash_points import reach
from modelyard.datasets import uploads
from modelyard.datasets.models import DatasetVersion, Upload, VersionState
from modelyard.keeping import secrets, snapshots
from modelyard.keeping.archive import Archive, BadArchive, Manifest, reading
from modelyard.keeping.backing_up import HOME
from modelyard.keeping.filing import KINDS, Filing, list_filings
from modelyard.keeping.interrupted import mark_path
from modelyard.leased_work import WorkState
from modelyard.runs.models import TrainingRun, Worker

log = logging.getLogger(__name__)

ARRIVING = ".restoring-files"


class NotEmpty(BadArchive):
    """There is an installation already, which is not touched."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What came back. `keys` are API keys that work again, also those that were revoked after the backup."""

    made_at: str
    files: int
    absent: list[str]
    keys: int


def restore(path: Path, *, revoke_keys: bool = False) -> Restored:
    """Make an installation of an archive. Raises `BadArchive`, with nothing changed, and `StorageAway`."""
    with reading(path, settings.ENVIRONMENT.backup_keys) as archive:
        _check_fits(archive.manifest)
        _clear_former_attempt()
        _require_empty()
        chosen = secrets.agree(archive)
        with _marked():
            scratch = Path(settings.ENVIRONMENT.home) / ARRIVING
            scratch.mkdir(mode=0o700)
            keys = _bring_back(archive, scratch, chosen, revoke_keys=revoke_keys)
        names = archive.names("storage/")
        return Restored(made_at=archive.manifest.made_at, files=len(names), absent=archive.manifest.absent, keys=keys)


def _bring_back(archive: Archive, scratch: Path, chosen: dict[str, str], *, revoke_keys: bool) -> int:
    files = _files_folder()
    for name in archive.names("storage/"):
        archive.extract(name, files / name.removeprefix("storage/"))
    secrets.use(chosen)
    with snapshots.loading(archive, scratch):
        _file_all(files)
        with transaction.atomic():
            keys = _begin_anew(archive.manifest, revoke_keys=revoke_keys)
        secrets.write_secrets(chosen)
        for name in archive.names(HOME):
            archive.extract(name, Path(settings.ENVIRONMENT.home) / name.removeprefix(HOME))
    return keys


def _check_fits(manifest: Manifest) -> None:
    newer = snapshots.unknown_migrations(manifest.migrations)
    if newer:
        raise BadArchive(
            f"the archive was made by release {manifest.version}, which is newer than this one "
            f"(it knows {', '.join(newer[:3])}); install that release or a newer one"
        )
    if manifest.vendor != connection.vendor:
        raise BadArchive(
            f"the archive holds a database of {manifest.vendor}, and DATABASE_URL names one of {connection.vendor}; "
            "name an empty one of the same kind"
        )


def _require_empty() -> None:
    home = settings.ENVIRONMENT.home
    if snapshots.holds_anything():
        raise NotEmpty(f"the database of {home} is in use; name an empty one: another MODELYARD_HOME or DATABASE_URL")
    root = Path(settings.ENVIRONMENT.storage)
    for kind in KINDS:
        if (root / kind).is_dir() and any((root / kind).iterdir()):
            raise NotEmpty(f"{root / kind} holds files already; restore into an empty folder")
        shelf = storage.current_shelf()
        if shelf is not None and any(shelf.store.list_folders(f"{kind}/")):
            raise NotEmpty(f"the bucket holds files below {kind}/ already; name an empty bucket or another prefix")


@contextmanager
def _marked() -> Iterator[None]:
    """Say that a restore is under way; whatever fails, nothing of it stays."""
    mark = mark_path(settings.ENVIRONMENT.home)
    mark.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.touch(mode=0o600)
    try:
        yield
    except BaseException:
        _clear_files()
        raise
    finally:
        _clear_scratch()
        mark.unlink()


def _clear_former_attempt() -> None:
    """Take away what a restore that was killed has left; the mark proves that nothing was there before."""
    mark = mark_path(settings.ENVIRONMENT.home)
    if not mark.exists():
        return
    log.warning("a restore was cut off before; clearing away what it left")
    if not snapshots.holds_anything():
        _clear_files()
    _clear_scratch()
    mark.unlink()


def _clear_files() -> None:
    shelf = storage.current_shelf()
    for kind in KINDS:
        shutil.rmtree(Path(settings.ENVIRONMENT.storage) / kind, ignore_errors=True)
        if shelf is not None:
            shelf.store.delete_below(f"{kind}/")


def _clear_scratch() -> None:
    shutil.rmtree(Path(settings.ENVIRONMENT.home) / ARRIVING, ignore_errors=True)
    shutil.rmtree(_files_folder(), ignore_errors=True)


def _files_folder() -> Path:
    """Where files arrive: on the disk that they stay on."""
    return Path(settings.ENVIRONMENT.storage) / ARRIVING


def _file_all(files: Path) -> None:
    """Put every folder in its place, or into the object store, with the seal that it has there."""
    for filing in list(list_filings(snapshots.fetch_now)):
        source = files / filing.kind / str(filing.subject)
        seal = _file_one(filing, source) if source.is_dir() else ""
        if filing.column:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE {filing.table} SET {filing.column} = %s WHERE id = %s",  # noqa: S608 (names of our own)
                    [seal, _as_stored(filing)],
                )


def _file_one(filing: Filing, source: Path) -> str:
    seal = storage.keep(source, at=filing.folder, manifest=filing.manifest)
    if storage.current_shelf() is None:
        filing.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        reach("restore.before_filing")
        source.rename(filing.folder)
        reach("restore.filed")
    return seal


def _begin_anew(manifest: Manifest, *, revoke_keys: bool) -> int:
    """Make what was under way then begin again here, and forget what was deleted while the backup was made."""
    for kind in (TrainingRun, BatchPrediction):
        waiting = {"state": WorkState.QUEUED, "lease_owner": "", "lease_until": None, "phase": ""}
        running = kind._default_manager.filter(state=WorkState.RUNNING)
        running.update(attempt=F("attempt") - 1, fence=F("fence") + 1, **waiting)
        kind._default_manager.filter(state=WorkState.QUEUED).update(rung_at=None)
    TrainingRun.objects.unfinished().update(checkpoint="")
    DatasetVersion.objects.filter(state=VersionState.UPLOADED).update(claimed_at=None)
    Worker.objects.all().delete()
    for upload in Upload.objects.unfinished().select_related("workspace"):
        Upload.objects.filter(pk=upload.pk).update(lock=None, locked_until=None)
        uploads.discard_upload(upload)
    live = ApiKey.objects.live()
    if revoke_keys:
        live.update(revoked_at=datetime.fromisoformat(manifest.made_at))
    record("installation.restore", manifest.made_at, by=None, workspace=None, version=manifest.version)
    return ApiKey.objects.live().count()


def _as_stored(filing: Filing) -> str | UUID:
    """An id as the database writes it."""
    return filing.subject.hex if connection.vendor == snapshots.SQLITE else filing.subject
