"""Files that belong to nothing: a crash came between a file and its row, or between a deletion and its files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

from django.conf import settings

from modelyard import storage
from modelyard.batches import reconciling as batches
from modelyard.batches.models import BatchPrediction
from modelyard.consistency.findings import CannotLook, Finding, Look, Promise
from modelyard.datasets import repair as datasets
from modelyard.datasets.models import DatasetVersion, VersionState
from modelyard.keeping import exporting
from modelyard.objects.faults import Unreachable
from modelyard.objects.folder import ARRIVING
from modelyard.registry import services as registry
from modelyard.registry.models import ModelVersion
from modelyard.runs import reconciling as runs

OWNERS: Mapping[str, storage.Finder] = {
    **datasets.OWNERS,
    **runs.OWNERS,
    **registry.OWNERS,
    **batches.OWNERS,
    **exporting.OWNERS,
}
"""Of each kind of files, who says which of them are wanted: the same as sweeps them."""

SWEPT_SOON = "The clock (beat) removes it once it is a day old; make sure that beat runs, and look at its log."
REMOVE_IT = "Remove it; nothing reads it."
BY_HAND = "Nothing of the platform is called so. Look what it is, then remove it by hand."
OURS = (".copies", ".locks", ".sweeping", ".swept")
"""What else lies in the storage folder (`modelyard.objects`)."""


def check_debris(look: Look) -> Iterator[Finding]:
    """No file is there without a row that wants it, but for what is younger than a day."""
    for kind, find_rows in OWNERS.items():
        try:
            orphans = storage.find_orphans(kind, find_rows, quiet_seconds=look.quiet_seconds)
            shelf = storage.current_shelf()
            if shelf is not None:
                stored = storage.find_stored_orphans(shelf, kind, find_rows, quiet_seconds=look.quiet_seconds)
                orphans |= stored
        except Unreachable as fault:
            raise CannotLook(f"the object store does not answer: {fault}") from fault
        for orphan in sorted(orphans):
            where = str(Path(settings.ENVIRONMENT.storage) / kind / str(orphan))
            yield Finding(promise=Promise.NO_DEBRIS, where=where, what="no row wants what lies here", repair=SWEPT_SOON)


def check_strangers(look: Look) -> Iterator[Finding]:
    """Nothing but folders and files of ours lies in the storage, and nothing there was left half written."""
    root, bucket = Path(settings.ENVIRONMENT.storage), settings.ENVIRONMENT.bucket
    for place in (root, *([bucket.folder] if bucket is not None and bucket.folder is not None else [])):
        yield from _left_arriving(place / ARRIVING, look)
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if path.name in OWNERS:
            yield from _strangers_in(path, look)
        elif path.name in (ARRIVING, "encrypted"):
            continue
        elif path.name not in OURS and _touched_before(path, look):
            yield Finding(promise=Promise.NO_DEBRIS, where=str(path), what="it is none of ours", repair=BY_HAND)


def _strangers_in(folder: Path, look: Look) -> Iterator[Finding]:
    for path in sorted(folder.iterdir()):
        if not storage.is_name(path.name):
            if _touched_before(path, look):
                yield Finding(promise=Promise.NO_DEBRIS, where=str(path), what="it is none of ours", repair=BY_HAND)
            continue
        for partial in sorted(path.glob("*.partial")) if path.is_dir() else ():
            if _touched_before(partial, look) and _is_at_rest(folder.name, UUID(path.name)):
                words = "it was left half written, and nobody will finish it"
                yield Finding(promise=Promise.NO_DEBRIS, where=str(partial), what=words, repair=REMOVE_IT)


def _left_arriving(folder: Path, look: Look) -> Iterator[Finding]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if _touched_before(path, look):
            words = "it was on its way from or to the object store and never arrived"
            yield Finding(promise=Promise.NO_DEBRIS, where=str(path), what=words, repair=SWEPT_SOON)


def _is_at_rest(kind: str, subject: UUID) -> bool:
    """Whether nobody writes into this folder any more."""
    match kind:
        case "datasets":
            return DatasetVersion.objects.exclude(state=VersionState.UPLOADED).filter(pk=subject).exists()
        case "artifacts":
            return ModelVersion.objects.filter(pk=subject).exists()
        case "predictions":
            return BatchPrediction.objects.filter(pk=subject, result_size__isnull=False).exists()
    return False


def _touched_before(path: Path, look: Look) -> bool:
    try:
        return path.stat().st_mtime <= look.oldest
    except FileNotFoundError:
        return False
