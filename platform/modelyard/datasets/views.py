"""Pages of data sets: the list, a new one, one with its versions, and the differences between two versions."""

from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import require_role
from modelyard.api_base import workspace_of
from modelyard.datasets import services, showing
from modelyard.datasets.comparison import Change
from modelyard.datasets.forms import NewDatasetForm, NewVersionForm
from modelyard.datasets.models import Dataset, DatasetVersion, Upload, VersionState
from modelyard.datasets.uploads import find_upload
from modelyard.errors import Conflict, InvalidInput, NotFound, QuotaExceeded, StorageAway, StorageFull, TooLarge

PAGE = 25
CHANGES: tuple[Change, ...] = ("added", "removed", "changed")
REPAIRABLE = (InvalidInput, Conflict, NotFound, QuotaExceeded, StorageAway, StorageFull, TooLarge)
"""What can go wrong with an upload and is said beside the form, so that it can be sent again."""


@login_required
@require_GET
def list_datasets(request: HttpRequest) -> HttpResponse:
    """The data of the workspace, with the newest version of each."""
    mine = Dataset.objects.visible_to(_person(request)).filter(workspace=workspace_of(request) or None)
    wanted = request.GET.get("q", "").strip()
    found = mine.filter(name__icontains=wanted) if wanted else mine
    newest_first = Prefetch("versions", DatasetVersion.objects.in_brief())
    page = Paginator(found.order_by("-created_at").prefetch_related(newest_first), PAGE).get_page(
        request.GET.get("page")
    )
    context = {"page": page, "q": wanted, "any": bool(wanted) or page.paginator.count > 0, "form": NewDatasetForm()}
    return render(request, "datasets/list.html", {**context, **_limits()})


@login_required
@require_http_methods(["GET", "POST"])
def new_dataset(request: HttpRequest) -> HttpResponse:
    """Bring a file: dropped, chosen, or sent by a plain form."""
    workspace = workspace_of(request)
    if not workspace:
        raise NotFound(_("You are in no workspace; ask somebody to invite you to theirs."))
    require_role(_person(request), workspace, Role.EDITOR)
    form = NewDatasetForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            upload = _named_upload(form, workspace.pk)
            dataset = services.create_dataset(
                workspace,
                form.cleaned_data["name"],
                by=_person(request),
                file=form.cleaned_data["file"],
                upload=upload,
                request=request,
            )
            return redirect("datasets:version", dataset.versions.get().pk)
        except REPAIRABLE as fault:
            _add_fault(form, fault)
    return _render_form(request, "datasets/new.html", form, {})


@login_required
@require_http_methods(["GET", "POST"])
def show_dataset(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """One data set: its versions, and the form for the next."""
    mine = Dataset.objects.visible_to(_person(request)).select_related("workspace", "created_by")
    dataset = get_object_or_404(mine, pk=dataset_id)
    form = NewVersionForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            upload = _named_upload(form, dataset.workspace_id)
            version = services.add_version(
                dataset, by=_person(request), file=form.cleaned_data["file"], upload=upload, request=request
            )
            return redirect("datasets:version", version.pk)
        except REPAIRABLE as fault:
            _add_fault(form, fault)
    versions = list(dataset.versions.in_brief().select_related("created_by"))
    ready = [version for version in versions if version.state == VersionState.READY]
    return _render_form(
        request, "datasets/detail.html", form, {"dataset": dataset, "versions": versions, "ready": ready}
    )


@login_required
@require_POST
def delete_dataset(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """Delete a data set with everything in it."""
    dataset = get_object_or_404(Dataset.objects.visible_to(_person(request)), pk=dataset_id)
    try:
        services.delete_dataset(dataset, by=_person(request), request=request)
    except Conflict as fault:
        messages.error(request, fault.message)
        return redirect("datasets:detail", dataset_id)
    messages.success(request, _("%(name)s was deleted.") % {"name": dataset.name})
    return redirect("datasets:list")


@login_required
@require_GET
def compare_versions(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    """The differences between two versions that have been read; the newest two unless others are named."""
    dataset = get_object_or_404(Dataset.objects.visible_to(_person(request)), pk=dataset_id)
    ready = list(dataset.versions.filter(state=VersionState.READY).order_by("-number"))
    if len(ready) < 2:
        raise Conflict(_("There is only one version that can be read; upload another one and compare then."))
    newer = _named_version(ready, request.GET.get("newer", ""), ready[0])
    older = _named_version(ready, request.GET.get("older", ""), ready[1])
    comparison = services.compare_versions(older, newer)
    counts = {change: len(comparison.having(change)) for change in CHANGES}
    context = {"dataset": dataset, "versions": ready, "comparison": comparison, "kind_words": showing.KIND_WORDS}
    return render(request, "datasets/compare.html", context | counts)


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _named_upload(form: NewVersionForm, workspace: UUID) -> Upload | None:
    """The upload that the form names; a file that was sent along comes first, as it was chosen last."""
    upload, file = form.cleaned_data["upload"], form.cleaned_data["file"]
    if upload is None or file:
        return None
    return find_upload(workspace, upload)


def _named_version(versions: list[DatasetVersion], number: str, otherwise: DatasetVersion) -> DatasetVersion:
    return next((version for version in versions if str(version.number) == number), otherwise)


def _add_fault(form: NewVersionForm, fault: Exception) -> None:
    if isinstance(fault, InvalidInput):
        for name, text in fault.problems.items():
            form.add_error(name if name in form.fields else None, text)
    else:
        form.add_error(None, str(fault))


def _render_form(request: HttpRequest, template: str, form: NewVersionForm, context: dict[str, object]) -> HttpResponse:
    return render(request, template, {"form": form, **context, **_limits()}, status=422 if form.errors else 200)


def _limits() -> dict[str, int]:
    return {"largest": settings.ENVIRONMENT.upload_max_bytes}
