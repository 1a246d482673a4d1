"""Acts on registered models: registering what training left, naming versions, deleting."""

import re
import unicodedata
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, RestrictedError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import record, require_role
from modelyard.contracts import artifact
from modelyard.contracts.crash_points import reach
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.signature import Signature
from modelyard.deletions import Weight, announce
from modelyard.errors import Conflict, InvalidInput, NotFound
from modelyard.leased_work import LeasedWork
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.registry.models import Alias, ModelVersion, RegisteredModel
from modelyard.runs.models import TrainingRun

ALIAS = re.compile(r"^[a-z][a-z0-9_-]{0,59}$")
LONGEST_NAME = 120


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is read out of an artifact when it is registered."""

    sha256: str
    size: int
    signature: Signature
    report: dict[str, Any]
    lineage: dict[str, Any]
    formats: list[str]


def store_artifact(run: TrainingRun, artifact_folder: Path) -> None:
    """Bring what a run left to where every machine finds it, before it is registered. Raises `StorageAway`."""
    storage.keep(artifact_folder, at=storage.artifact_folder(version_id_of(run)), manifest=artifact.MANIFEST)


def remove_unregistered(run: TrainingRun) -> None:
    """Delete what was stored for a run whose model could not be registered."""
    if not ModelVersion.objects.filter(pk=version_id_of(run)).exists():
        storage.remove(storage.artifact_folder(version_id_of(run)))


def sweep_artifacts() -> int:
    """Delete day-old artifacts that were never registered. Returns how many."""
    return sum(storage.sweep(kind, find_rows) for kind, find_rows in OWNERS.items())


def _find_registered(subjects: Collection[uuid.UUID]) -> Collection[uuid.UUID]:
    return ModelVersion.objects.filter(pk__in=subjects).values_list("pk", flat=True)


OWNERS: Mapping[str, storage.Finder] = {"artifacts": _find_registered}
"""Who wants files of each kind."""


@transaction.atomic
def register_run(run: TrainingRun, artifact_folder: Path) -> ModelVersion:
    """Make the next version of the run's model from the artifact that the run left; the folder is moved, not copied.

    Asking twice gives the same version. The version's id follows from the run's, so that a registration that was cut
    off between moving the folder and committing finds the folder again. Raises `Conflict` where the artifact is damaged
    and `QuotaExceeded` where the workspace has no storage left for it.
    """
    registered = ModelVersion.objects.filter(run=run).first()
    if registered is not None:
        return registered
    version_id = version_id_of(run)
    folder = storage.artifact_folder(version_id)
    content = read_content(artifact_folder if artifact_folder.is_dir() else folder)
    version = add_version(
        _model_of(run),
        version_id,
        replace(content, lineage={**content.lineage, "fence": run.fence}),
        by=run.created_by,
        run=run,
    )
    if artifact_folder.is_dir():
        storage.move(artifact_folder, folder)
    reach("model.register.before_commit")
    return version


def add_version(
    model: RegisteredModel,
    version_id: uuid.UUID,
    content: Content,
    *,
    by: User | None,
    run: TrainingRun | None = None,
    request: HttpRequest | None = None,
) -> ModelVersion:
    """Make the next version of a model, its storage paid for; to be called in a transaction. Raises `QuotaExceeded`."""
    version = ModelVersion.objects.create(
        id=version_id,
        model=model,
        number=_draw_number(model),
        run=run,
        sha256=content.sha256,
        size=content.size,
        task=content.signature.task,
        signature=content.signature.to_json(),
        metrics=content.report.get("metrics", {}),
        report=content.report,
        lineage=content.lineage,
        formats=content.formats,
        created_by=by,
    )
    subject = _storage_subject(version)
    quotas.reserve(model.workspace, STORAGE_BYTES.name, content.size, subject=subject)
    quotas.commit(model.workspace, STORAGE_BYTES.name, subject=subject, amount=content.size)
    record("model.register", str(version.id), by=by, workspace=model.workspace, request=request, name=str(version))
    return version


def delete_version(version: ModelVersion, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete a version and its files, and give its storage back. Raises `Conflict` while an endpoint uses it."""
    workspace, folder, subject = version.model.workspace, version.folder, _storage_subject(version)
    require_role(by, workspace, Role.EDITOR)
    with transaction.atomic():
        _hold([version.id])
        record("model.delete_version", str(version.id), by=by, workspace=workspace, request=request, name=str(version))
        weight, version_id = Weight.of([folder]), version.id
        try:
            _count, rows = version.delete()
        except RestrictedError as fault:
            raise Conflict(_in_use(str(version), fault), code="in_use") from fault
        quotas.release(workspace, STORAGE_BYTES.name, subject=subject)
        announce("model version", version_id, workspace=workspace, by=by, rows=rows, weight=weight)
        transaction.on_commit(partial(storage.remove, folder))
        reach("model.delete_version.before_commit")


def delete_model(model: RegisteredModel, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete a model with all its versions. Raises `Conflict` while an endpoint belongs to it."""
    workspace, name = model.workspace, model.name
    require_role(by, workspace, Role.EDITOR)
    with transaction.atomic():
        record("model.delete", str(model.id), by=by, workspace=workspace, request=request, name=name)
        versions = list(model.versions.all())
        _hold([version.id for version in versions])
        weight, model_id = Weight.of(version.folder for version in versions), model.id
        try:
            _count, rows = model.delete()
        except RestrictedError as fault:
            raise Conflict(_in_use(name, fault), code="in_use") from fault
        announce("model", model_id, workspace=workspace, by=by, rows=rows, weight=weight)
        for version in versions:
            quotas.release(workspace, STORAGE_BYTES.name, subject=_storage_subject(version))
            transaction.on_commit(partial(storage.remove, version.folder))
        reach("model.delete.before_commit")


def set_alias(version: ModelVersion, name: str, *, by: User, request: HttpRequest | None = None) -> Alias:
    """Let `name` mean `version`, whichever version of the model it meant before. Raises `InvalidInput`."""
    workspace = version.model.workspace
    require_role(by, workspace, Role.EDITOR)
    if not ALIAS.fullmatch(name):
        words = _("must have 1 to 60 lower-case letters, digits, dashes and underscores, a letter first; got %(name)s")
        raise InvalidInput({"alias": words % {"name": repr(name[:80])}})
    with transaction.atomic():
        alias, _made = Alias.objects.update_or_create(model=version.model, name=name, defaults={"version": version})
        record(
            "model.alias", str(version.id), by=by, workspace=workspace, request=request, name=str(version), alias=name
        )
    return alias


def remove_alias(model: RegisteredModel, name: str, *, by: User, request: HttpRequest | None = None) -> None:
    """Take a word away from a model. Raises `NotFound`."""
    require_role(by, model.workspace, Role.EDITOR)
    with transaction.atomic():
        if not model.aliases.filter(name=name).delete()[0]:
            raise NotFound(_("%(model)s has no alias %(name)s") % {"model": model.name, "name": repr(name[:80])})
        record("model.unalias", str(model.id), by=by, workspace=model.workspace, request=request, alias=name)


def get_model(workspace: Workspace, name: str) -> RegisteredModel:
    """Return the model of that name. Raises `NotFound`."""
    model = RegisteredModel.objects.filter(workspace=workspace, name=name).first()
    if model is None:
        words = _("there is no model %(name)s in %(workspace)s")
        raise NotFound(words % {"name": repr(name[:120]), "workspace": workspace.name})
    return model


def get_version(model: RegisteredModel, number: int) -> ModelVersion:
    """Return the version of that number. Raises `NotFound`."""
    version = model.versions.select_related("model__workspace", "created_by").filter(number=number).first()
    if version is None:
        raise NotFound(_("%(model)s has no version %(number)s") % {"model": model.name, "number": number})
    return version


def clean_name(text: str) -> str:
    """Return `text` as a name that can stand in an address: one line, no slashes, at most 120 characters."""
    letters = ["-" if letter in "/\\" else letter for letter in unicodedata.normalize("NFC", text)]
    readable = "".join(" " if unicodedata.category(letter).startswith("C") else letter for letter in letters)
    name = " ".join(readable.split())[:LONGEST_NAME].strip()
    return name if name.strip(".") else "model"


def version_id_of(run: TrainingRun) -> uuid.UUID:
    """The id of the version that a run's result becomes: it follows from the run's, so there can be one only."""
    return uuid.uuid5(run.id, "model version")


def read_content(folder: Path) -> Content:
    """Read a complete artifact. Raises `Conflict` where it is damaged."""
    try:
        artifact.verify(folder)
    except artifact.DamagedArtifact as fault:
        words = _("what training left cannot be registered: %(fault)s; train again")
        raise Conflict(words % {"fault": fault}, code="damaged") from fault
    return Content(
        sha256=artifact.digest_of(folder / artifact.MANIFEST),
        size=storage.size_of(folder),
        signature=Signature.from_json(read_json(folder / artifact.SIGNATURE)),
        report=read_json(folder / artifact.REPORT),
        lineage=read_json(folder / artifact.LINEAGE),
        formats=[name for name, file in artifact.DOWNLOADS.items() if (folder / file).is_file()],
    )


def _model_of(run: TrainingRun) -> RegisteredModel:
    """The model that the run's result belongs to: the one of the run's name, made where there is none."""
    dataset = run.dataset_version.dataset.name if run.dataset_version else ""
    name = clean_name(run.name or dataset)
    try:
        with transaction.atomic():
            return RegisteredModel.objects.get_or_create(workspace=run.workspace, name=name)[0]
    except IntegrityError:
        return RegisteredModel.objects.get(workspace=run.workspace, name=name)


def _draw_number(model: RegisteredModel) -> int:
    """The next number. The UPDATE locks the model's row until the transaction ends: no number is drawn twice."""
    RegisteredModel.objects.filter(pk=model.pk).update(last_number=F("last_number") + 1)
    return RegisteredModel.objects.values_list("last_number", flat=True).get(pk=model.pk)


def _hold(versions: list[uuid.UUID]) -> None:
    """Lock versions until the transaction ends, so that nobody releases one that is being deleted."""
    list(ModelVersion.objects.select_for_update().filter(pk__in=versions).values_list("pk"))


def _storage_subject(version: ModelVersion) -> str:
    return f"model-version:{version.id}"


def _in_use(name: str, fault: RestrictedError) -> str:
    working = {str(holder) for holder in fault.restricted_objects if isinstance(holder, LeasedWork)}
    holders = sorted(working or {str(holder) for holder in fault.restricted_objects})
    words = _(
        "%(name)s is used by the endpoint %(holders)s; release another version there or delete the endpoint first"
    )
    if working:
        words = _("%(name)s is answering %(holders)s; wait until that has ended, or cancel it")
    return words % {"name": name, "holders": ", ".join(holders)}
