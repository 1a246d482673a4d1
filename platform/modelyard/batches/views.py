"""Pages of batch predictions: the list, a new one, and one with its progress and its result."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from modelyard.accounts.models import Role
from modelyard.accounts.requests import person_of
from modelyard.accounts.services import RANK, require_role, role_of
from modelyard.api_base import workspace_of
from modelyard.batches import services
from modelyard.batches.forms import NewBatchForm
from modelyard.batches.models import BatchPrediction
from modelyard.batches.presenting import describe_outcome, title_of_phase
from modelyard.batches.results import open_result
from modelyard.datasets.uploads import find_upload
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.services import first_target, promise_of
from modelyard.errors import Conflict, InvalidInput, NotFound, QuotaExceeded, StorageFull, TooLarge
from modelyard.leased_work import WorkState
from modelyard.registry.models import ModelVersion

PAGE = 25
REPAIRABLE = (InvalidInput, Conflict, NotFound, QuotaExceeded, StorageFull, TooLarge)
"""What can go wrong with a file and is said beside the form, so that it can be sent again."""


@login_required
@require_safe
def list_batches(request: HttpRequest) -> HttpResponse:
    """The batch predictions of the workspace, newest first."""
    mine = _visible(request).filter(workspace=workspace_of(request) or None)
    state = request.GET.get("state", "")
    found = mine.filter(state=state) if state in WorkState.values else mine
    page = Paginator(found.order_by("-created_at"), PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "state": state, "states": WorkState.choices, "any": mine.exists()}
    return render(request, "batches/list.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_batch(request: HttpRequest) -> HttpResponse:
    """Bring a file for an endpoint (`?endpoint=ID`) or a version of a model (`?version=ID`)."""
    asked = _find_asked(request)
    version = first_target(asked).version if isinstance(asked, Endpoint) else asked
    workspace = version.model.workspace
    require_role(person_of(request), workspace, Role.EDITOR)
    levels = version.promise.output.levels
    sent = (request.POST, request.FILES) if request.method == "POST" else ()
    form = NewBatchForm(*sent, levels=levels)
    if form.is_valid():
        try:
            return redirect(_request(request, asked, form, workspace.pk))
        except REPAIRABLE as fault:
            _add_fault(form, fault)
    promise = promise_of(asked) if isinstance(asked, Endpoint) else version.promise
    context = {
        "form": form,
        "asked": asked,
        "version": version,
        "inputs": promise.inputs,
        "takes_images": any(one.kind == "image" for one in promise.inputs),
        "largest": settings.ENVIRONMENT.upload_max_bytes,
        "keep_days": settings.ENVIRONMENT.batch_keep_days,
    }
    return render(request, "batches/new.html", context, status=422 if form.errors else 200)


@login_required
@require_safe
def show_batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """How it is going, and what came of it."""
    return render(request, "batches/detail.html", _describe(request, _find_batch(request, batch_id)))


@login_required
@require_safe
def show_state(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """The part of the page that changes."""
    return render(request, "batches/_state.html", _describe(request, _find_batch(request, batch_id)))


@login_required
@require_POST
def cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Stop and discard."""
    batch = _find_batch(request, batch_id)
    require_role(person_of(request), batch.workspace, Role.EDITOR)
    services.cancel_batch(batch, by=person_of(request), request=request)
    return redirect(batch)


@login_required
@require_POST
def delete(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Delete it with its result."""
    batch = _find_batch(request, batch_id)
    services.delete_batch(batch, by=person_of(request), request=request)
    messages.success(request, _("%(name)s was deleted.") % {"name": batch.filename})
    return redirect("batches:list")


@login_required
@require_safe
def download(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """The file with predictions added."""
    return open_result(_find_batch(request, batch_id))  # type: ignore[return-value]


def _request(
    request: HttpRequest, asked: Endpoint | ModelVersion, form: NewBatchForm, workspace: UUID
) -> BatchPrediction:
    """A file that was sent along comes first, as it was chosen last."""
    file, upload = form.cleaned_data["file"], form.cleaned_data["upload"]
    return services.request_batch(
        asked,
        by=person_of(request),
        file=file,
        upload=find_upload(workspace, upload) if upload and not file else None,
        wanted=form.cleaned_data["format"],
        interval=form.cleaned_data.get("interval"),
        request=request,
    )


def _add_fault(form: NewBatchForm, fault: Exception) -> None:
    problems = fault.problems if isinstance(fault, InvalidInput) else {"": str(fault)}
    for name, text in problems.items():
        form.add_error(name if name in form.fields else None, text)


def _visible(request: HttpRequest) -> QuerySet[BatchPrediction]:
    mine = BatchPrediction.objects.visible_to(person_of(request))
    return mine.select_related("workspace", "created_by", "version__model")


def _find_batch(request: HttpRequest, batch_id: UUID) -> BatchPrediction:
    return get_object_or_404(_visible(request), pk=batch_id)


def _find_asked(request: HttpRequest) -> Endpoint | ModelVersion:
    """The endpoint or version that the address names, among those that the person may see."""
    person = person_of(request)
    try:
        if "endpoint" in request.GET:
            endpoints = Endpoint.objects.visible_to(person).select_related("workspace", "model")
            return get_object_or_404(endpoints, pk=UUID(request.GET["endpoint"]))
        versions = ModelVersion.objects.visible_to(person).select_related("model__workspace")
        return get_object_or_404(versions, pk=UUID(request.GET.get("version", "")))
    except ValueError:
        raise Http404 from None


def _describe(request: HttpRequest, batch: BatchPrediction) -> dict[str, object]:
    role = role_of(person_of(request), batch.workspace)
    return {
        "batch": batch,
        "phase": title_of_phase(batch.phase),
        "position": services.queue_position(batch),
        "progress": batch.describe_progress(),
        "outcome": describe_outcome(batch),
        "may_change": role is not None and RANK[role] >= RANK[Role.EDITOR],
    }
