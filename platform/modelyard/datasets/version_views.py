"""Pages of one data set version: what was found in the file, kinds to correct, the file itself."""

import re
from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from modelyard.accounts.models import User
from modelyard.accounts.services import record
from modelyard.datasets import services, showing
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import InvalidInput
from modelyard.streamed_file import StreamedFile

PREVIEW_NAME = re.compile(r"[0-9]{6,8}\.jpg")
JPEG = b"\xff\xd8\xff"
LOCKED = "default-src 'none'; sandbox"


@login_required
@require_GET
def show_version(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """The profile; while the file is being read, what is going on."""
    version = _find_version(request, version_id)
    return render(request, "datasets/version.html", showing.describe(version, request.GET.get("columns", "")))


@login_required
@require_GET
def show_state(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """The part of the page that changes when the file has been read."""
    version = _find_version(request, version_id)
    return render(request, "datasets/_state.html", showing.describe(version, "") | {"arrived": True})


@login_required
@require_POST
def correct_kind(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """Say by hand what a column is; answers with its card, or with the page where JavaScript is off."""
    version = _find_version(request, version_id)
    name, kind = request.POST.get("column", ""), request.POST.get("kind", "")
    person = cast(User, request.user)
    problem = ""
    try:
        version = services.correct_kind(version, name, kind, by=person)
        workspace = version.dataset.workspace
        record("dataset.correct", str(version.pk), by=person, workspace=workspace, request=request, kinds={name: kind})
    except InvalidInput as fault:
        problem = next(iter(fault.problems.values()))
    card = showing.find_card(version, name)
    if card is None:
        raise Http404
    if not getattr(request, "htmx", False):
        return redirect(f"{reverse('datasets:version', args=[version.pk])}?columns={card.page}#{card.anchor}")
    context = {"version": version, "card": card, "problem": problem, "kinds": showing.kind_choices()}
    return render(request, "datasets/_column.html", context, status=422 if problem else 200)


@login_required
@require_GET
def download(request: HttpRequest, version_id: UUID) -> HttpResponseBase:
    """The file as it was uploaded, to be saved, never shown."""
    version = _find_version(request, version_id)
    with version.opened("source") as folder:
        path = folder / "source"
        if not path.is_file():
            raise Http404
        answer = StreamedFile(path.open("rb"), as_attachment=True, filename=version.filename)
    _lock(answer, "application/octet-stream")
    return answer


@login_required
@require_GET
def show_preview(request: HttpRequest, version_id: UUID, name: str) -> HttpResponse:
    """A thumbnail that ingesting made; nothing that a person uploaded is ever served to be shown."""
    version = _find_version(request, version_id)
    if not PREVIEW_NAME.fullmatch(name):
        raise Http404
    with version.opened("preview") as folder:
        path = folder / "preview" / name
        if not path.is_file() or path.is_symlink():
            raise Http404
        content = path.read_bytes()
    if not content.startswith(JPEG):
        raise Http404
    answer = HttpResponse(content)
    answer.headers["Cache-Control"] = "private, max-age=86400, immutable"
    _lock(answer, "image/jpeg")
    return answer


def _find_version(request: HttpRequest, version: UUID) -> DatasetVersion:
    mine = DatasetVersion.objects.visible_to(cast(User, request.user))
    return get_object_or_404(mine.select_related("dataset__workspace", "created_by"), pk=version)


def _lock(answer: HttpResponseBase, content_type: str) -> None:
    """Whatever the bytes are, a browser takes them for nothing but `content_type` and runs nothing in them."""
    answer.headers["Content-Type"] = content_type
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = LOCKED
