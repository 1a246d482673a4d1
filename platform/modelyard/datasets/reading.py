"""What the worker that reads a file calls: claim the version, then settle it with what was found."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_noop

from modelyard import jobs, live
from modelyard.contracts.crash_points import reach
from modelyard.contracts.profile import Problem, Profile
from modelyard.contracts.sentences import sentence
from modelyard.datasets import files
from modelyard.datasets.models import DatasetVersion, VersionState

STALE = timedelta(minutes=15)
MOST_ATTEMPTS = 3


def claim_version(version: str | UUID) -> DatasetVersion | None:
    """Take the right to read the file of `version`; None where somebody has it, it was read, or it is gone.

    A claim older than `STALE` may be taken over (reading has a shorter time limit). A file that ended three readers is
    rejected, so that it does not end more.
    """
    now = timezone.now()
    free = DatasetVersion.objects.claimable(now - STALE).filter(pk=version)
    if free.filter(attempts__lt=MOST_ATTEMPTS).update(claimed_at=now, attempts=F("attempts") + 1):
        reach("version.claimed")
        live.publish(f"version.{version}", {"state": VersionState.UPLOADED.value, "reading": True})
        return DatasetVersion.objects.select_related("dataset").get(pk=version)
    tired = free.first()
    if tired is not None:
        _reject_unreadable(tired)
    return None


@transaction.atomic
def settle_version(version: DatasetVersion, profile: Profile, seal: str = "") -> bool:
    """Record what was found, and the seal of the folder with what reading left in it.

    False where the claim was lost in the meantime, and nothing is changed then.
    """
    state = VersionState.REJECTED if profile.rejected else VersionState.READY
    held = DatasetVersion.objects.filter(pk=version.pk, state=VersionState.UPLOADED, attempts=version.attempts)
    if not held.update(state=state, profile=_storable(profile.to_json()), seal=seal or version.seal):
        return False
    transaction.on_commit(lambda: live.publish(f"version.{version.pk}", {"state": state.value}))
    reach("version.settle.before_commit")
    return True


def release_version(version: DatasetVersion, *, soon: bool = True) -> bool:
    """Let another worker read a claimed version: this one cannot, which is no attempt. False where lost.

    Not `soon`: what stands in the way will stand there for a while, so nobody is asked before the next reconciliation.
    """
    held = DatasetVersion.objects.filter(pk=version.pk, state=VersionState.UPLOADED, attempts=version.attempts)
    if not held.update(claimed_at=None, attempts=F("attempts") - 1):
        return False
    reach("version.released")
    if soon:
        jobs.ring("profile", str(version.pk))
    return True


def remove_if_deleted(version: DatasetVersion) -> None:
    """Where somebody deleted the version while it was read, nothing of it is left behind."""
    if not DatasetVersion.objects.filter(pk=version.pk).exists():
        files.remove_files(version.pk)


def _reject_unreadable(version: DatasetVersion) -> None:
    words = gettext_noop(
        "Reading the file ended unexpectedly {count} times: it may be damaged, or need more memory than there is. "
        "Open and save it anew, or upload a smaller part of it."
    )
    problem = Problem.saying("unreadable", sentence(words, count=version.attempts))
    settle_version(version, Profile(kind=None, problems=(problem,)))


def _storable(value: Any) -> Any:
    """The same without what a database's JSON cannot hold: NUL and lone halves of characters."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_storable(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value
