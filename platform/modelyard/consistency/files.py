"""Rows and their files: everything that was acknowledged is there, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Model

from modelyard import storage
from modelyard.batches.models import BatchPrediction
from modelyard.consistency.findings import Finding, Look, Promise
from modelyard.consistency.stored import Kept, find_faults
from modelyard.contracts.artifact import MANIFEST
from modelyard.contracts.batch import RESULT
from modelyard.contracts.profile import STORED_AS_TABLE
from modelyard.datasets import uploads
from modelyard.datasets.models import DatasetVersion, Upload, VersionState
from modelyard.keeping.exporting import ZIP
from modelyard.keeping.models import Export, ExportState
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import TrainingRun

FETCHED_AT_ONCE = 200
FROM_BACKUP = (
    "Take the file from a backup (manage.py restore into an empty installation), or delete it there and bring it again."
)
TRAIN_AGAIN = "Take it from a backup, or delete this version and train again; no endpoint loads it as it is."
MAKE_AGAIN = "Nothing is lost that cannot be made again: delete it and ask for it once more."


@dataclass(frozen=True, kw_only=True)
class Held:
    """A row and the folder that it promises."""

    row: Model
    name: str
    kept: Kept
    repair: str
    promise: Promise = Promise.DURABLE


def check_files(look: Look) -> Iterator[Finding]:
    """Every folder that a row refers to is there, with the bytes that the row (or its manifest or index) says."""
    for held in list_held():
        look.seen["folders"] += 1
        faults = list(find_faults(held.kept, look))
        if faults and _is_as_it_was(held.row):
            where = f"{held.name} ({held.kept.folder})"
            for fault in faults:
                yield Finding(promise=held.promise, where=where, what=fault, repair=held.repair)


def check_uploads(look: Look) -> Iterator[Finding]:
    """Of an unfinished upload every byte that was noted as safe is there."""
    shelf = storage.current_shelf()
    if shelf is not None:
        return
    for upload in Upload.objects.unfinished().filter(offset__gt=0).iterator(FETCHED_AT_ONCE):
        look.seen["uploads"] += 1
        safe = uploads.offset_of(upload)
        if safe < upload.offset and _is_as_it_was(upload):
            yield Finding(
                promise=Promise.DURABLE,
                where=f"upload {upload.pk}",
                what=f"{upload.offset} bytes were acknowledged and {safe} are there",
                repair="None needed: who uploads is told where to go on. Find out what took the bytes: the disk?",
            )


def list_held() -> Iterator[Held]:
    """Every folder that a row promises, of all kinds."""
    yield from _versions()
    yield from _artifacts()
    yield from _batches()
    yield from _exports()
    yield from _checkpoints()


def _versions() -> Iterator[Held]:
    rows = DatasetVersion.objects.select_related("dataset").defer("kinds")
    for version in rows.iterator(FETCHED_AT_ONCE):
        yield Held(
            row=version,
            name=f"data set {version}",
            kept=Kept(
                folder=storage.version_folder(version.pk),
                seal=version.seal,
                sizes={"source": version.size},
                digests={"source": version.sha256} if version.sha256 else {},
                needed=_read_of(version),
            ),
            repair=FROM_BACKUP,
        )


def _read_of(version: DatasetVersion) -> tuple[str, ...]:
    """What reading leaves in the folder of a version (`contracts.profile`)."""
    if version.state != VersionState.READY or version.profile is None:
        return ()
    kind = version.profile.get("kind")
    return ("table.parquet",) if kind in STORED_AS_TABLE else ("images.json", "images")


def _artifacts() -> Iterator[Held]:
    rows = ModelVersion.objects.select_related("model").only("sha256", "number", "model__name")
    for version in rows.iterator(FETCHED_AT_ONCE):
        kept = Kept(folder=version.folder, seal=version.sha256, manifest=MANIFEST)
        yield Held(row=version, name=f"model {version}", kept=kept, repair=TRAIN_AGAIN)


def _batches() -> Iterator[Held]:
    for batch in BatchPrediction.objects.unfinished().iterator(FETCHED_AT_ONCE):
        kept = Kept(folder=batch.folder, seal=batch.seal, sizes={"source": batch.size})
        yield Held(row=batch, name=f"file of batch prediction {batch}", kept=kept, repair=FROM_BACKUP)
    for batch in BatchPrediction.objects.filter(result_size__isnull=False).iterator(FETCHED_AT_ONCE):
        kept = Kept(folder=batch.result_folder, seal=batch.result_seal, sizes={RESULT: batch.result_size or 0})
        yield Held(row=batch, name=f"result of batch prediction {batch}", kept=kept, repair=MAKE_AGAIN)


def _exports() -> Iterator[Held]:
    for export in Export.objects.filter(state=ExportState.READY).iterator(FETCHED_AT_ONCE):
        kept = Kept(folder=export.folder, seal=export.seal, sizes={ZIP: export.size})
        yield Held(row=export, name=f"export {export.pk}", kept=kept, repair=MAKE_AGAIN)


def _checkpoints() -> Iterator[Held]:
    """Where machines share no folder, the checkpoint that a run goes on from is in the store."""
    for run in TrainingRun.objects.unfinished().exclude(checkpoint="").iterator(FETCHED_AT_ONCE):
        if storage.current_shelf() is None:
            return
        yield Held(
            row=run,
            name=f"checkpoints of run {run}",
            kept=Kept(folder=run.folder / "checkpoints", seal=run.checkpoint),
            repair="None needed: the run begins anew. Find out what took the objects from the store.",
            promise=Promise.RESUMABLE,
        )


def _is_as_it_was(row: Model) -> bool:
    """Whether the row still says what it did: files go after their rows, so only then something is wrong."""
    columns = [column.attname for column in row._meta.concrete_fields if column.attname in row.__dict__]
    changing = {"lock", "locked_until", "expires_at", "progress", "phase", "lease_until", "metrics", "device"}
    now: dict[str, Any] | None = type(row)._default_manager.filter(pk=row.pk).values(*columns).first()
    return now is not None and all(now[name] == row.__dict__[name] for name in columns if name not in changing)
