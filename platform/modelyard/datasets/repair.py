"""What the reconciler does for data sets, again and again: ring for what nobody reads, clear away what nobody wants."""

import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from modelyard import jobs, storage
from modelyard.datasets import reading, uploads
from modelyard.datasets.models import DatasetVersion, Upload
from modelyard.errors import Conflict
from modelyard.quotas import services as quotas
from modelyard.quotas.models import EntryState, UsageEntry

log = logging.getLogger(__name__)

QUIET = timedelta(seconds=30)
LEAKED = timedelta(days=1)
"""Bytes that were reserved before this for a file that never got a row are given back: no request takes so long."""


def reconcile() -> None:
    """Repair what a lost message, a killed process or an interrupted upload left behind; safe to call at any time."""
    ring_again()
    delete_expired_uploads()
    refund_leaks()
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
    return sum(storage.sweep(kind, find_rows) for kind, find_rows in OWNERS.items())


def find_leaks(quiet: timedelta = LEAKED) -> list[UsageEntry]:
    """Reservations for files that no upload brings any more: their request was killed before they got a row."""
    lines = UsageEntry.objects.filter(
        state=EntryState.RESERVED, subject__startswith=f"{uploads.SUBJECT}:", created_at__lte=timezone.now() - quiet
    )
    named = {line.subject: line for line in lines.select_related("quota__workspace")}
    growing = Upload.objects.unfinished().filter(pk__in=[subject.partition(":")[2] for subject in named])
    for upload in growing.values_list("pk", flat=True):
        named.pop(uploads.subject_of(upload))
    return list(named.values())


def refund_leaks() -> int:
    """Give back what killed requests had reserved. Returns how many there were."""
    leaks = find_leaks()
    for line in leaks:
        log.warning("%s had reserved %d bytes and never came to be", line.subject, line.amount)
        quotas.refund(line.quota.workspace, line.quota.kind, subject=line.subject)
    return len(leaks)


def _find_unfinished(subjects: Collection[UUID]) -> Collection[UUID]:
    return Upload.objects.unfinished().filter(pk__in=subjects).values_list("pk", flat=True)


def _find_rows(subjects: Collection[UUID]) -> set[UUID]:
    versions = DatasetVersion.objects.filter(pk__in=subjects).values_list("pk", flat=True)
    return {*versions, *_find_unfinished(subjects)}


OWNERS: Mapping[str, storage.Finder] = {"uploads": _find_unfinished, "datasets": _find_rows}
"""Who wants files of each kind. A finished upload wants none: its bytes are the version's."""
