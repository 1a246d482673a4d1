"""What the reconciler does for data sets, again and again: ring for what nobody reads, clear away what nobody wants."""

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from modelyard import jobs, storage
from modelyard.datasets import reading, uploads
from modelyard.datasets.models import DatasetVersion, Upload
from modelyard.errors import Conflict

log = logging.getLogger(__name__)

QUIET = timedelta(seconds=30)
ORPHAN_SECONDS = 24 * 3600.0


def reconcile() -> None:
    """Repair what a lost message, a killed process or an interrupted upload left behind; safe to call at any time."""
    ring_again()
    delete_expired_uploads()
    sweep_files()


def ring_again() -> int:
    """Ask once more for versions that wait or whose reader never came back; returns how many."""
    now = timezone.now()
    waiting = DatasetVersion.objects.claimable(now - reading.STALE).filter(created_at__lt=now - QUIET)
    return sum(jobs.ring("profile", str(version)) for version in waiting.values_list("pk", flat=True)[:200])


def delete_expired_uploads() -> int:
    """Give back the bytes of uploads that nobody went on with; forget those that became versions. Returns how many."""
    expired = Upload.objects.filter(expires_at__lt=timezone.now()).unlocked().select_related("workspace")
    Upload.objects.filter(pk__in=[upload.pk for upload in expired if upload.used_at]).delete()
    count = 0
    for upload in expired:
        if upload.used_at is None:
            with suppress(Conflict):
                uploads.discard_upload(upload)
                count += 1
    return count


def sweep_files() -> int:
    """Delete day-old files of uploads and versions that have no row: a crash came between the two. Returns how many."""
    root: Path = settings.ENVIRONMENT.storage
    removed = 0
    for path in _old_entries(root / "uploads", root / "datasets"):
        subject = _id_of(path)
        if subject is None or _has_row(subject):
            continue
        log.info("removing %s, which belongs to no upload or version", path)
        storage.remove(path)
        removed += 1
    return removed


def _old_entries(*folders: Path) -> Iterable[Path]:
    oldest = time.time() - ORPHAN_SECONDS
    for folder in folders:
        if folder.is_dir():
            yield from (path for path in sorted(folder.iterdir()) if path.stat().st_mtime < oldest)


def _has_row(subject: UUID) -> bool:
    return DatasetVersion.objects.filter(pk=subject).exists() or Upload.objects.unfinished().filter(pk=subject).exists()


def _id_of(path: Path) -> UUID | None:
    try:
        return UUID(path.name)
    except ValueError:
        return None
