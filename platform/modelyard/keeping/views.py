"""The page about a person's and a workspace's data: export, retention, receipts, deletion."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from modelyard.accounts.models import Role, Workspace
from modelyard.accounts.requests import person_of
from modelyard.accounts.services import require_role, role_of
from modelyard.api_base import workspace_of
from modelyard.datasets.models import Dataset
from modelyard.errors import Conflict, NotAllowed, NotFound
from modelyard.keeping import receipts, services
from modelyard.keeping.exporting import ZIP
from modelyard.keeping.forms import PersonDeletionForm, RetentionForm, WorkspaceDeletionForm
from modelyard.keeping.models import Export, ExportState, Receipt, Retention
from modelyard.keeping.retention import FIELDS
from modelyard.registry.models import RegisteredModel
from modelyard.streamed_file import StreamedFile

SHOWN = 25


@login_required
@require_GET
def data_page(request: HttpRequest) -> HttpResponse:
    return _show(request)


@login_required
@require_POST
def set_retention(request: HttpRequest) -> HttpResponse:
    workspace, form = _workspace(request), RetentionForm(request.POST)
    require_role(person_of(request), workspace, Role.OWNER)
    if not form.is_valid():
        return _show(request, retention_form=form)
    days = {name: form.cleaned_data[name] for name in FIELDS}
    services.set_retention(workspace, days, by=person_of(request), request=request)
    messages.success(request, _("Saved."))
    return redirect("keeping:data")


@login_required
@require_POST
def start_export(request: HttpRequest) -> HttpResponse:
    try:
        services.request_export(person_of(request), request=request)
    except Conflict as fault:
        messages.error(request, fault.message)
    return redirect("keeping:data")


@login_required
@require_GET
def export_state(request: HttpRequest) -> HttpResponse:
    """How far the export is, for a page that asks again and again."""
    return render(request, "keeping/_export.html", {"export": _newest_export(request)})


@login_required
@require_GET
def export_file(request: HttpRequest) -> HttpResponseBase:
    """The person's own export, as long as it is kept."""
    export = _newest_export(request)
    if export is None or export.state != ExportState.READY:
        raise NotFound(_("There is no export of yours to download; ask for one."))
    with export.opened() as folder:
        name = f"modelyard-{export.created_at:%Y-%m-%d}.zip"
        answer = StreamedFile((folder / ZIP).open("rb"), as_attachment=True, filename=name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@login_required
@require_GET
def show_receipt(request: HttpRequest, receipt_id: UUID) -> HttpResponse:
    receipt = get_object_or_404(receipts.visible_to(person_of(request)), pk=receipt_id)
    answer = JsonResponse(receipts.describe(receipt), json_dumps_params={"indent": 1})
    answer.headers["Content-Disposition"] = f'attachment; filename="receipt-{receipt.pk}.json"'
    return answer


@login_required
@require_POST
def erase_dataset(request: HttpRequest, dataset_id: UUID) -> HttpResponse:
    person = person_of(request)
    dataset = get_object_or_404(Dataset.objects.visible_to(person).select_related("workspace"), pk=dataset_id)
    return _tell(request, services.erase_dataset(dataset, by=person, request=request))


@login_required
@require_POST
def erase_model(request: HttpRequest, model_id: UUID) -> HttpResponse:
    person = person_of(request)
    model = get_object_or_404(RegisteredModel.objects.visible_to(person).select_related("workspace"), pk=model_id)
    return _tell(request, services.erase_model(model, by=person, request=request))


@login_required
@require_POST
def erase_workspace(request: HttpRequest) -> HttpResponse:
    workspace = _workspace(request)
    require_role(person_of(request), workspace, Role.OWNER)
    form = WorkspaceDeletionForm(workspace, request.POST)
    if not form.is_valid():
        return _show(request, workspace_form=form)
    try:
        receipt = services.erase_workspace(workspace, by=person_of(request), request=request)
    except Conflict as fault:
        form.add_error(None, fault.message)
        return _show(request, workspace_form=form)
    return _tell(request, receipt)


@login_required
@require_POST
@sensitive_post_parameters()
def erase_person(request: HttpRequest) -> HttpResponse:
    """Delete the caller's account. The receipt is shown at once: nobody can sign in for it later."""
    person = person_of(request)
    form = PersonDeletionForm(person, request.POST)
    if not form.is_valid():
        return _show(request, person_form=form)
    try:
        receipt = services.erase_person(person, by=person, request=request)
    except (Conflict, NotAllowed) as fault:
        form.add_error(None, fault.message)
        return _show(request, person_form=form)
    logout(request)
    return render(request, "keeping/gone.html", {"receipt": receipt, "content": receipts.describe(receipt)})


def _tell(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    messages.success(request, _("Deleted. The receipt is among your receipts."))
    return redirect("keeping:data")


def _workspace(request: HttpRequest) -> Workspace:
    workspace = workspace_of(request)
    if not workspace:
        raise NotFound(_("You are in no workspace; ask somebody to invite you to theirs."))
    return workspace


def _newest_export(request: HttpRequest) -> Export | None:
    return Export.objects.filter(person=person_of(request)).first()


def _show(
    request: HttpRequest,
    *,
    retention_form: RetentionForm | None = None,
    workspace_form: WorkspaceDeletionForm | None = None,
    person_form: PersonDeletionForm | None = None,
) -> HttpResponse:
    person, workspace = person_of(request), workspace_of(request) or None
    kept = Retention.objects.filter(workspace=workspace).values(*FIELDS).first() if workspace else None
    invalid = any(form is not None for form in (retention_form, workspace_form, person_form))
    context = {
        "export": _newest_export(request),
        "may_own": workspace is not None and role_of(person, workspace) == Role.OWNER,
        "retention_form": retention_form or RetentionForm(initial=kept),
        "workspace_form": workspace_form or WorkspaceDeletionForm(workspace),
        "person_form": person_form or PersonDeletionForm(person),
        "receipts": receipts.visible_to(person).order_by("-at")[:SHOWN],
    }
    return render(request, "keeping/data.html", context, status=422 if invalid else 200)
