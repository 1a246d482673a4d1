"""Deleting with everything that came of it: a data set, a model, a workspace, a person. Each act leaves one receipt."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard import storage
from modelyard.accounts import key_publishing
from modelyard.accounts.models import ApiKey, Membership, Role, User, Workspace
from modelyard.accounts.services import record, require_role
from modelyard.batches.models import BatchPrediction
from modelyard.batches.settling import delete_batch
from modelyard.contracts.crash_points import reach
from modelyard.datasets.models import Dataset, DatasetVersion, Upload
from modelyard.datasets.services import delete_dataset
from modelyard.deletions import Deletion, Weight, announce
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.routes import publish_route
from modelyard.endpoints.services import retire
from modelyard.errors import Conflict, NotAllowed
from modelyard.keeping.models import Export, Receipt
from modelyard.keeping.receipts import collecting, write
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.registry.services import delete_model, delete_version
from modelyard.runs.models import TrainingRun


@transaction.atomic
def erase_dataset(dataset: Dataset, *, by: User, request: HttpRequest | None = None) -> Receipt:
    """Delete a data set and what was made of it: runs, model versions, their endpoints, batch predictions.

    Raises `NotAllowed`, and `Conflict` while a run or a batch prediction has not ended.
    """
    require_role(by, dataset.workspace, Role.EDITOR)
    runs = TrainingRun.objects.filter(dataset_version__dataset=dataset)
    versions = ModelVersion.objects.filter(run__in=runs)
    with collecting() as parts:
        _erase_versions(versions, by=by, request=request)
        _erase_runs(runs, by=by)
        delete_dataset(dataset, by=by, request=request)
    return write(_whole("data set", dataset.pk, dataset.workspace, by), *parts)


@transaction.atomic
def erase_model(model: RegisteredModel, *, by: User, request: HttpRequest | None = None) -> Receipt:
    """Delete a model with its endpoints, batch predictions, and the runs that made its versions. Raises as above."""
    require_role(by, model.workspace, Role.EDITOR)
    model_id, workspace = model.pk, model.workspace
    runs = TrainingRun.objects.filter(pk__in=list(model.versions.values_list("run", flat=True)))
    with collecting() as parts:
        _erase_uses(model.versions.all(), by=by, request=request)
        _retire(model.endpoints.all(), by=by, request=request)
        delete_model(model, by=by, request=request)
        _erase_runs(runs, by=by)
    return write(_whole("model", model_id, workspace, by), *parts)


@transaction.atomic
def erase_workspace(workspace: Workspace, *, by: User, request: HttpRequest | None = None) -> Receipt:
    """Delete a workspace and everything in it, its keys and quotas too. Raises `NotAllowed`, `Conflict`."""
    require_role(by, workspace, Role.OWNER)
    record("workspace.delete", str(workspace.pk), by=by, workspace=workspace, request=request)
    workspace_id = workspace.pk
    rows, weight = _remove_workspace(workspace)
    whole = Deletion(
        kind="workspace", subject=str(workspace_id), workspace=workspace_id, by=by.pk, rows=rows, weight=weight
    )
    return write(whole)


@transaction.atomic
def erase_person(person: User, *, by: User, request: HttpRequest | None = None) -> Receipt:
    """Delete an account with its keys and sessions, and the workspaces that nobody else is in.

    What they made in other workspaces belongs to these and stays, without their name. Raises `NotAllowed`, and
    `Conflict` where a workspace with other people would be left without an owner.
    """
    if by.pk != person.pk and not by.is_staff:
        raise NotAllowed(_("only an operator deletes the account of somebody else"))
    if (
        person.is_superuser
        and not User.objects.filter(is_superuser=True, is_active=True).exclude(pk=person.pk).exists()
    ):
        raise Conflict(_("This is the last operator; make somebody else an operator first."))
    alone, shared = _workspaces_of(person)
    for membership in shared:
        others = membership.workspace.memberships.exclude(user=person)
        if membership.role == Role.OWNER and not others.filter(role=Role.OWNER).exists():
            words = _("You are the only owner of %(name)s; make somebody else an owner there, or delete it first.")
            raise Conflict(words % {"name": membership.workspace.name})
    record("person.delete", str(person.pk), by=by, workspace=None, request=request)
    rows, weight = Counter[str](), Weight()
    for workspace in alone:
        went, lighter = _remove_workspace(workspace)
        rows, weight = rows + went, weight + lighter
    went, lighter = _remove_person(person)
    whole = Deletion(
        kind="person", subject=str(person.pk), workspace=None, by=by.pk, rows=rows + went, weight=weight + lighter
    )
    return write(whole)


def erase_runs(runs: "QuerySet[TrainingRun]", *, by: User | None) -> Receipt | None:
    """Delete runs that have ended, with their logs and checkpoints; None where there are none."""
    with transaction.atomic(), collecting() as parts:
        found = runs.first()
        _erase_runs(runs, by=by)
        return write(_whole("runs", "", found.workspace, by), *parts) if found is not None else None


def _erase_versions(versions: "QuerySet[ModelVersion]", *, by: User, request: HttpRequest | None) -> None:
    _erase_uses(versions, by=by, request=request)
    _retire(Endpoint.objects.filter(targets__version__in=versions).distinct(), by=by, request=request)
    for version in list(versions.select_related("model__workspace")):
        model = version.model
        delete_version(version, by=by, request=request)
        if not model.versions.exists():
            _retire(model.endpoints.all(), by=by, request=request)
            delete_model(model, by=by, request=request)


def _erase_uses(versions: "QuerySet[ModelVersion]", *, by: User, request: HttpRequest | None) -> None:
    for batch in BatchPrediction.objects.filter(Q(version__in=versions) | Q(holds__in=versions)).distinct():
        delete_batch(batch, by=by, request=request)


def _retire(endpoints: Iterable[Endpoint], *, by: User, request: HttpRequest | None) -> None:
    for endpoint in endpoints:
        retire(endpoint, by=by, request=request)


def _erase_runs(runs: "QuerySet[TrainingRun]", *, by: User | None) -> None:
    found = list(runs.select_related("workspace"))
    busy = next((run for run in found if not run.ended), None)
    if busy is not None:
        raise Conflict(_("The run %(name)s has not ended; cancel it or wait for it.") % {"name": busy.name})
    for run in found:
        record("run.delete", str(run.pk), by=by, workspace=run.workspace)
        weight, subject = Weight.of([run.folder]), run.pk
        transaction.on_commit(partial(storage.remove, run.folder))
        _count, rows = run.delete()
        announce("run", subject, workspace=run.workspace, by=by, rows=rows, weight=weight)
    reach("runs.delete.before_commit")


def _remove_workspace(workspace: Workspace) -> tuple[Counter[str], Weight]:
    """Delete everything of a workspace. Raises `Conflict` while something is under way in it."""
    runs = TrainingRun.objects.filter(workspace=workspace)
    batches = BatchPrediction.objects.filter(workspace=workspace)
    if runs.unfinished().exists() or batches.unfinished().exists():
        words = _("Something is under way in %(name)s; cancel the runs and batch predictions first.")
        raise Conflict(words % {"name": workspace.name})
    folders = [
        storage.version_folder(key) for key in _keys(DatasetVersion.objects.filter(dataset__workspace=workspace))
    ]
    folders += [storage.upload_file(key) for key in _keys(Upload.objects.filter(workspace=workspace))]
    folders += [storage.run_folder(key) for key in _keys(runs)]
    folders += [storage.artifact_folder(key) for key in _keys(ModelVersion.objects.filter(model__workspace=workspace))]
    for key in _keys(batches):
        folders += [storage.batch_folder(key), storage.scoring_folder(key), storage.predictions_folder(key)]
    for endpoint in Endpoint.objects.filter(workspace=workspace):
        transaction.on_commit(partial(publish_route, endpoint.route_field))
    for key_id in ApiKey.objects.filter(workspace=workspace).values_list("pk", flat=True):
        key_publishing.publish_on_commit(key_id)
    return _delete(workspace, folders)


def _remove_person(person: User) -> tuple[Counter[str], Weight]:
    for key_id in person.keys.values_list("pk", flat=True):
        key_publishing.publish_on_commit(key_id)
    sessions = [session.pk for session in Session.objects.iterator() if _is_of(session, person)]
    Session.objects.filter(pk__in=sessions).delete()
    folders = [export.folder for export in Export.objects.filter(person=person)]
    rows, weight = _delete(person, folders)
    return rows + Counter({"sessions.Session": len(sessions)}), weight


def _is_of(session: Session, person: User) -> bool:
    return str(session.get_decoded().get("_auth_user_id")) == str(person.pk)


def _delete(row: Workspace | User, folders: list[Path]) -> tuple[Counter[str], Weight]:
    weight = Weight.of(folders)
    _count, rows = row.delete()
    for folder in folders:
        transaction.on_commit(partial(storage.remove, folder))
    reach("erase.before_commit")
    return Counter({name: count for name, count in rows.items() if count}), weight


def _workspaces_of(person: User) -> tuple[list[Workspace], list[Membership]]:
    """The workspaces that nobody else is in, and the memberships in others."""
    memberships = list(person.memberships.select_related("workspace"))
    alone = [one.workspace for one in memberships if not one.workspace.memberships.exclude(user=person).exists()]
    return alone, [one for one in memberships if one.workspace not in alone]


def _keys(rows: "QuerySet[Any]") -> list[UUID]:
    return list(rows.values_list("pk", flat=True))


def _whole(kind: str, subject: object, workspace: Workspace, by: User | None) -> Deletion:
    """The act itself, whose parts say what went."""
    return Deletion(kind=kind, subject=str(subject), workspace=workspace.pk, by=by.pk if by is not None else None)
