"""What the reconciler does for data sets, again and again: ring for what nobody reads, clear away what nobody wants."""

import logging
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from modelyard import jobs, storage
from modelyard.datasets import reading, uploads
from modelyard.datasets.models import DatasetVersion, Upload
from modelyard.errors import Conflict

log = logging.getLogger(__name__)

QUIET = timedelta(seconds=30)


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
    return storage.sweep("uploads", _find_rows) + storage.sweep("datasets", _find_rows)


def _find_rows(subjects: Collection[UUID]) -> set[UUID]:
    versions = DatasetVersion.objects.filter(pk__in=subjects).values_list("pk", flat=True)
    uploads = Upload.objects.unfinished().filter(pk__in=subjects).values_list("pk", flat=True)
    return {*versions, *uploads}
