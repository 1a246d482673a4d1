"""Runs, batch predictions, versions being read, exports: each has one ending, or lives with a valid claim."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from modelyard.batches.models import BatchPrediction
from modelyard.consistency.findings import Finding, Look, Promise
from modelyard.datasets import reading
from modelyard.datasets.models import DatasetVersion, VersionState
from modelyard.keeping import exporting
from modelyard.keeping.models import Export, ExportState
from modelyard.leased_work import TERMINAL, UNFINISHED, LeasedWork, WorkState
from modelyard.leasing import MOST_ATTEMPTS
from modelyard.runs.models import TrainingRun

KINDS: tuple[type[LeasedWork], ...] = (TrainingRun, BatchPrediction)
RECONCILED = "Make sure that beat runs: it takes work back within half a minute. Look at its log."
READERS = "Make sure that an ingesting worker runs, and beat, which rings for it; look at their logs."
REPORT = "Keep the database as it is and report it; ask for the work again."

NO_CLAIM = Q(lease_owner="") | Q(lease_until=None) | Q(fence=0) | Q(attempt=0) | Q(started_at=None)
CLAIMED = ~Q(lease_owner="") | ~Q(lease_until=None)


def check_work(look: Look) -> Iterator[Finding]:
    """Every run and batch prediction has ended once, whole, or waits, or is held by somebody who was heard of."""
    for kind in KINDS:
        rows: QuerySet[Any] = kind._default_manager.all()
        look.seen[str(kind._meta.verbose_name_plural)] += rows.count()
        ended = rows.filter(state__in=TERMINAL)
        yield from _tell(ended.filter(ended_at=None), "it has ended, and no time says when", REPORT)
        yield from _tell(ended.filter(CLAIMED), "it has ended, and a worker still holds it", REPORT)
        failed = rows.filter(state=WorkState.FAILED, failure__isnull=True)
        yield from _tell(failed, "it has failed, and nothing says why", REPORT)
        alive = rows.filter(state__in=UNFINISHED)
        yield from _tell(alive.exclude(ended_at=None), "it has not ended, and a time says when it did", REPORT)
        waiting = rows.filter(state=WorkState.QUEUED)
        yield from _tell(waiting.filter(CLAIMED), "it waits, and a worker holds it", REPORT)
        running = rows.filter(state=WorkState.RUNNING)
        yield from _tell(running.filter(NO_CLAIM), "it runs, and nobody has claimed it", RECONCILED)
        words = f"it was tried more than {MOST_ATTEMPTS} times"
        yield from _tell(rows.filter(attempt__gt=MOST_ATTEMPTS), words, REPORT)
        long_ago = timezone.now() - timedelta(seconds=2 * settings.ENVIRONMENT.lease_seconds)
        words = "it runs, and its worker has not been heard of for more than two leases"
        yield from _tell(running.filter(lease_until__lt=long_ago), words, RECONCILED)
    yield from _check_batches()


def _check_batches() -> Iterator[Finding]:
    rows = BatchPrediction.objects.all()
    alive = rows.filter(state__in=UNFINISHED, holds=None)
    yield from _tell(alive, "it has not ended, and nothing keeps its model version from deletion", REPORT)
    ended = rows.filter(state__in=TERMINAL).exclude(holds=None)
    yield from _tell(ended, "it has ended, and still keeps its model version from deletion", REPORT)
    answered = rows.filter(state=WorkState.SUCCEEDED, tally={})
    yield from _tell(answered, "it has succeeded, and nothing says what came of its rows", REPORT)
    unanswered = rows.exclude(state=WorkState.SUCCEEDED).filter(result_size__isnull=False)
    yield from _tell(unanswered, "it has a result without having succeeded", REPORT)


def check_attempts(look: Look) -> Iterator[Finding]:
    """No attempt of a run has left something under a claim that was never given."""
    for run in TrainingRun.objects.filter(state__in=UNFINISHED):
        fences = [_fence_of(path) for path in run.folder.glob("attempt-*")]
        ahead = [fence for fence in fences if fence > run.fence]
        if ahead and TrainingRun.objects.filter(pk=run.pk, fence=run.fence).exists():
            words = f"its folder holds what claim {max(ahead)} left, and its row knows {run.fence} claims"
            yield Finding(promise=Promise.ONE_WINNER, where=f"run {run} ({run.pk})", what=words, repair=REPORT)


def check_reading(look: Look) -> Iterator[Finding]:
    """Every version was read, or waits, or is being read; so with exports."""
    versions = DatasetVersion.objects.select_related("dataset")
    look.seen["versions"] += versions.count()
    unknown = versions.exclude(state=VersionState.UPLOADED).filter(profile__isnull=True)
    yield from _tell(unknown, "it was read, and nothing says what was found", REPORT)
    stale = timezone.now() - 2 * reading.STALE
    forgotten = versions.filter(state=VersionState.UPLOADED, claimed_at__lt=stale)
    yield from _tell(forgotten, "its reader has not been heard of for more than half an hour", READERS)
    exports = Export.objects.filter(state=ExportState.RUNNING, seen_at__lt=timezone.now() - 2 * exporting.SILENT)
    yield from _tell(exports, "who makes it has not been heard of for a long time", RECONCILED)


def _tell(rows: "QuerySet[Any]", what: str, repair: str) -> Iterator[Finding]:
    """One finding for each of these rows which should not be there."""
    for row in rows:
        where = f"{row._meta.verbose_name} {row} ({row.pk})"
        yield Finding(promise=Promise.ONE_ENDING, where=where, what=what, repair=repair)


def _fence_of(path: Path) -> int:
    text = path.name.rpartition("-")[2]
    return int(text) if text.isdecimal() else 0
