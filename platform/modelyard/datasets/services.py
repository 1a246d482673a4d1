"""Acts on data sets: bring one, add a version, correct a kind, delete; and what the worker that reads a file calls."""

from collections.abc import Callable

from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import record, require_role
from modelyard.contracts.crash_points import reach
from modelyard.datasets import files, uploads
from modelyard.datasets.arrivals import Arrived, take
from modelyard.datasets.comparison import Comparison, compare_versions
from modelyard.datasets.models import Dataset, DatasetVersion, Upload, VersionState
from modelyard.datasets.names import check_dataset_name, name_from_file
from modelyard.datasets.profiles import correct_kind, profile_of
from modelyard.datasets.reading import claim_version, release_version, remove_if_deleted, settle_version
from modelyard.datasets.repair import reconcile
from modelyard.deletions import Weight, announce
from modelyard.errors import Conflict, InvalidInput
from modelyard.jobs import enqueue
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import STORAGE_BYTES

__all__ = [
    "Comparison",
    "add_version",
    "claim_version",
    "compare_versions",
    "correct_kind",
    "create_dataset",
    "delete_dataset",
    "profile_of",
    "reconcile",
    "release_version",
    "remove_if_deleted",
    "settle_version",
]


def create_dataset(
    workspace: Workspace,
    name: str,
    *,
    by: User,
    file: "File[bytes] | None" = None,
    upload: Upload | None = None,
    request: HttpRequest | None = None,
) -> Dataset:
    """Make a data set of an uploaded file or a finished upload; without a name it gets the file's.

    Raises `InvalidInput`, `NotAllowed`, `Conflict` (the upload is unfinished or used), `QuotaExceeded`, `TooLarge`.
    """
    require_role(by, workspace, Role.EDITOR)
    wanted = check_dataset_name(name) if name.strip() else ""
    if wanted:
        _refuse_taken_name(workspace, wanted)

    def add_rows(arrived: Arrived) -> DatasetVersion:
        chosen = wanted or _free_name(workspace, arrived.filename)
        dataset = Dataset.objects.create(workspace=workspace, name=chosen, created_by=by)
        record("dataset.create", str(dataset.pk), by=by, workspace=workspace, request=request, name=chosen)
        return _add_row(dataset, arrived, by)

    try:
        return _take(workspace, file, upload, add_rows).dataset
    except IntegrityError as fault:
        raise _name_taken(wanted) from fault


def add_version(
    dataset: Dataset,
    *,
    by: User,
    file: "File[bytes] | None" = None,
    upload: Upload | None = None,
    request: HttpRequest | None = None,
) -> DatasetVersion:
    """Add the next version to a data set. Raises as `create_dataset` does."""
    workspace = dataset.workspace
    require_role(by, workspace, Role.EDITOR)

    def add_rows(arrived: Arrived) -> DatasetVersion:
        locked = Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
        if locked is None:
            raise Conflict(_("This data set was deleted in the meantime."))
        version = _add_row(locked, arrived, by)
        number = version.number
        record("dataset.add_version", str(dataset.pk), by=by, workspace=workspace, request=request, number=number)
        return version

    return _take(workspace, file, upload, add_rows)


@transaction.atomic
def delete_dataset(dataset: Dataset, *, by: User | None, request: HttpRequest | None = None) -> None:
    """Delete a data set with versions and files and give the storage back. Raises `Conflict` while it is trained on.

    `by` nobody: its time is over.
    """
    workspace = dataset.workspace
    if by is not None:
        require_role(by, workspace, Role.EDITOR)
    Dataset.objects.select_for_update().filter(pk=dataset.pk).first()
    versions = list(dataset.versions.all())
    busy = [run for version in versions for run in version.runs.unfinished()]
    if busy:
        words = _("%(name)s is in use by a run that has not ended (%(run)s); cancel the run or wait for it.")
        raise Conflict(words % {"name": dataset.name, "run": busy[0].name})
    for version in versions:
        quotas.release(workspace, STORAGE_BYTES.name, subject=uploads.subject_of(version.pk))
    Upload.objects.filter(pk__in=[version.pk for version in versions]).delete()
    record("dataset.delete", str(dataset.pk), by=by, workspace=workspace, request=request, name=dataset.name)
    weight, subject = Weight.of(storage.version_folder(version.pk) for version in versions), dataset.pk
    _count, rows = dataset.delete()
    announce("dataset", subject, workspace=workspace, by=by, rows=rows, weight=weight)
    for version in versions:
        transaction.on_commit(lambda subject=version.pk: files.remove_files(subject))  # type: ignore[misc]
    reach("dataset.delete.before_commit")


def _take(
    workspace: Workspace,
    file: "File[bytes] | None",
    upload: Upload | None,
    add_row: Callable[[Arrived], DatasetVersion],
) -> DatasetVersion:
    """Make a version of a file and ask for it to be read."""

    def add_and_ask(arrived: Arrived) -> DatasetVersion:
        version = add_row(arrived)
        enqueue("profile", str(version.pk))
        return version

    return take(workspace, file=file, upload=upload, folder_of=storage.version_folder, add_row=add_and_ask)


def _add_row(dataset: Dataset, arrived: Arrived, by: User) -> DatasetVersion:
    newest = dataset.versions.aggregate(newest=Max("number"))["newest"] or 0
    return DatasetVersion.objects.create(
        id=arrived.id,
        dataset=dataset,
        number=newest + 1,
        state=VersionState.UPLOADED,
        filename=arrived.filename,
        size=arrived.stored.size,
        sha256=arrived.stored.sha256,
        seal=arrived.stored.seal,
        created_by=by,
    )


def _refuse_taken_name(workspace: Workspace, name: str) -> None:
    if Dataset.objects.filter(workspace=workspace, name=name).exists():
        raise _name_taken(name)


def _name_taken(name: str) -> InvalidInput:
    words = _("there is a data set called %(name)s already; choose another name or add a version to it")
    return InvalidInput({"name": words % {"name": name}}, code="name_taken")


def _free_name(workspace: Workspace, filename: str) -> str:
    stem = name_from_file(filename)
    taken = set(Dataset.objects.filter(workspace=workspace, name__startswith=stem).values_list("name", flat=True))
    if stem not in taken:
        return stem
    return next(name for number in range(2, len(taken) + 3) if (name := f"{stem} {number}") not in taken)
