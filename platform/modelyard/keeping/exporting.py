"""Everything that one person owns, as a zip: what is in the database as JSON, and the files as they were brought.

person.json                        the account, memberships, keys (never the keys themselves), what they did
<workspace>/workspace.json         of each workspace that they own: data sets, runs, models, endpoints, batches, usage
<workspace>/datasets/…             the files as they were uploaded
<workspace>/models/…               the artifacts
<workspace>/predictions/…          results of batch predictions
"""

import json
import logging
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import AuditEvent, Role, User, Workspace
from modelyard.accounts.services import record
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import RESULT
from modelyard.contracts.crash_points import reach
from modelyard.datasets.models import DatasetVersion
from modelyard.endpoints.models import Endpoint, PredictionUsage, Release
from modelyard.errors import Conflict, ModelyardError
from modelyard.jobs import enqueue, ring
from modelyard.keeping.models import Export, ExportState
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import Epoch, LogLine, TrainingRun

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=7)
SILENT = timedelta(minutes=10)
"""A piece that takes longer was cut off."""
MOST_ATTEMPTS = 3
ZIP = "export.zip"


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A folder of files that goes into the zip below `place`."""

    place: str
    opened: AbstractContextManager[Path]
    names: dict[str, str]
    """What its files are called there; none: all of them, as they are."""


@transaction.atomic
def request_export(person: User, *, request: HttpRequest | None = None) -> Export:
    """Ask for an export; `Conflict` while another one is being made. Former ones go."""
    User.objects.select_for_update().get(pk=person.pk)
    former = list(Export.objects.filter(person=person))
    if any(export.unfinished for export in former):
        raise Conflict(_("Your data is being collected already; wait until it is ready."))
    for export in former:
        _remove(export)
    export = Export.objects.create(person=person)
    record("person.export", str(person.pk), by=person, workspace=None, request=request)
    enqueue("export", str(export.pk))
    reach("export.request.before_commit")
    return export


def make_export(export_id: UUID) -> bool:
    """Make the zip of a queued export, as its worker. False where there is nothing to do."""
    claimed = Export.objects.filter(pk=export_id, state=ExportState.QUEUED).update(
        state=ExportState.RUNNING, seen_at=timezone.now(), attempt=F("attempt") + 1
    )
    export = Export.objects.select_related("person").filter(pk=export_id).first()
    if not claimed or export is None:
        return False
    reach("export.claimed")
    try:
        _write(export)
    except (ModelyardError, OSError) as fault:
        log.error("export %s failed: %s", export.pk, fault)
        storage.remove(export.folder)
        Export.objects.filter(pk=export.pk, attempt=export.attempt).update(state=ExportState.FAILED)
        return False
    ready = Export.objects.filter(pk=export.pk, attempt=export.attempt).update(
        state=ExportState.READY,
        size=export.size,
        seal=export.seal,
        expires_at=timezone.now() + LIFETIME,
        done=F("total"),
    )
    if not ready:
        storage.remove(export.folder)
    return bool(ready)


def reconcile_exports() -> None:
    """Delete exports whose time is over, and make those again whose worker was lost."""
    now = timezone.now()
    for export in Export.objects.filter(expires_at__lt=now):
        with transaction.atomic():
            _remove(export)
            reach("export.expire.before_commit")
    lost = Export.objects.filter(state=ExportState.RUNNING, seen_at__lt=now - SILENT)
    lost.filter(attempt__gte=MOST_ATTEMPTS).update(state=ExportState.FAILED)
    lost.update(state=ExportState.QUEUED)
    for export_id in Export.objects.filter(state=ExportState.QUEUED, created_at__lt=now - SILENT).values_list(
        "pk", flat=True
    ):
        ring("export", str(export_id))
    for kind, find_rows in OWNERS.items():
        storage.sweep(kind, find_rows)


def _find_wanted(subjects: Collection[UUID]) -> Collection[UUID]:
    wanted = Export.objects.exclude(state=ExportState.FAILED).filter(pk__in=subjects)
    return wanted.values_list("pk", flat=True)


OWNERS: Mapping[str, storage.Finder] = {"exports": _find_wanted}
"""Who wants files of each kind: what a failed export left goes."""


def _write(export: Export) -> None:
    workspaces = list(Workspace.objects.filter(memberships__user=export.person, memberships__role=Role.OWNER))
    pieces = [piece for workspace in workspaces for piece in _pieces_of(workspace)]
    Export.objects.filter(pk=export.pk).update(total=len(pieces) + 1)
    storage.remove(export.folder)
    export.folder.mkdir(parents=True, mode=0o700)
    path = export.folder / ZIP
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        archive.writestr("person.json", _to_json(_describe_person(export.person)))
        for workspace in workspaces:
            archive.writestr(f"{workspace.pk}/workspace.json", _to_json(_describe_workspace(workspace)))
        for piece in pieces:
            _add(archive, piece)
            Export.objects.filter(pk=export.pk).update(done=F("done") + 1, seen_at=timezone.now())
    export.size = path.stat().st_size
    reach("export.written")
    export.seal = storage.keep(export.folder)


def _add(archive: zipfile.ZipFile, piece: Piece) -> None:
    with piece.opened as folder:
        for path in sorted(found for found in folder.rglob("*") if found.is_file()):
            name = path.relative_to(folder).as_posix()
            if not piece.names or name in piece.names:
                archive.write(path, f"{piece.place}/{piece.names.get(name, name)}")


def _pieces_of(workspace: Workspace) -> Iterator[Piece]:
    root = str(workspace.pk)
    for data in DatasetVersion.objects.filter(dataset__workspace=workspace):
        place, names = f"{root}/datasets/{data.pk}", {"source": Path(data.filename).name}
        yield Piece(place=place, opened=data.opened("source"), names=names)
    for model in ModelVersion.objects.filter(model__workspace=workspace):
        yield Piece(place=f"{root}/models/{model.pk}", opened=model.opened(), names={})
    for batch in BatchPrediction.objects.filter(workspace=workspace, result_size__isnull=False):
        place, names = f"{root}/predictions/{batch.pk}", {RESULT: batch.result_name}
        yield Piece(place=place, opened=batch.opened_result(), names=names)


def _describe_person(person: User) -> dict[str, Any]:
    keys = (
        "id",
        "name",
        "workspace__name",
        "scopes",
        "endpoints",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
    )
    did = AuditEvent.objects.filter(actor=person).order_by("pk")
    return {
        "id": person.pk,
        "email": person.email,
        "name": person.name,
        "language": person.language,
        "created_at": person.created_at,
        "last_login": person.last_login,
        "memberships": list(person.memberships.values("workspace", "workspace__name", "role", "created_at")),
        "keys": list(person.keys.values(*keys)),
        "did": list(did.values("at", "workspace", "action", "subject", "details", "address", "key")),
    }


def _describe_workspace(workspace: Workspace) -> dict[str, Any]:
    here = Q(workspace=workspace)
    return {
        "id": workspace.pk,
        "name": workspace.name,
        "created_at": workspace.created_at,
        "datasets": list(workspace.datasets.values("id", "name", "created_at")),
        "dataset_versions": _all(DatasetVersion.objects.filter(dataset__workspace=workspace), "seal", "claimed_at"),
        "runs": _all(TrainingRun.objects.filter(here), "checkpoint", "lease_owner", "lease_until"),
        "epochs": list(Epoch.objects.filter(run__workspace=workspace).values("run", "number", "metrics")),
        "log": list(LogLine.objects.filter(run__workspace=workspace).values("run", "at", "level", "message")),
        "models": list(workspace.models.values("id", "name", "created_at")),
        "model_versions": _all(ModelVersion.objects.filter(model__workspace=workspace)),
        "endpoints": _all(Endpoint.objects.filter(here)),
        "releases": _all(Release.objects.filter(endpoint__workspace=workspace)),
        "batch_predictions": _all(BatchPrediction.objects.filter(here), "seal", "result_seal", "lease_owner"),
        "usage": _all(PredictionUsage.objects.filter(here)),
    }


def _all(rows: "QuerySet[Any]", *without: str) -> list[dict[str, Any]]:
    """Every column, but for what is about how the platform works."""
    names = [column.attname for column in rows.model._meta.concrete_fields if column.attname not in without]
    return list(rows.values(*names))


def _to_json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)


def _remove(export: Export) -> None:
    transaction.on_commit(partial(storage.remove, export.folder))
    export.delete()
