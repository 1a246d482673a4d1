"""The pages of what is seen of an endpoint, and the part that keeps itself up to date."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import RANK, role_of
from modelyard.endpoints.models import Endpoint
from modelyard.monitoring import services
from modelyard.monitoring.models import FailedCall
from modelyard.monitoring.presenting import described, present_drift, present_live

WINDOWS = (1, 24, 168, 720)
USUAL_WINDOW = 24
PAGE_SIZE = 50


@login_required
@require_safe
def show_live(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """The live figures alone, asked for every two seconds."""
    return render(request, "monitoring/_live.html", present_live(_endpoint_for(request, endpoint_id)))


@login_required
@require_safe
def show_failures(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Every failed call that is kept, newest first."""
    endpoint = _endpoint_for(request, endpoint_id)
    found = FailedCall.objects.filter(endpoint=endpoint).order_by("-created_at")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "endpoint": endpoint,
        "failures": described(page.object_list),
        "page_obj": page,
        "keeps_values": services.keeps_values(endpoint),
        "may_edit": _may_edit(request, endpoint),
    }
    return render(request, "monitoring/failures.html", context)


@login_required
@require_safe
def show_drift(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Every column of one version over the time that was chosen."""
    endpoint = _endpoint_for(request, endpoint_id)
    version = request.GET.get("version", "")
    number = int(version) if version.isascii() and version.isdigit() and len(version) < 10 else None
    context = present_drift(endpoint, hours=_window_in(request), version=number)
    windows = zip(WINDOWS, (_("this hour"), _("24 hours"), _("7 days"), _("30 days")), strict=True)
    return render(request, "monitoring/drift.html", {**context, "endpoint": endpoint, "windows": list(windows)})


@login_required
@require_POST
def change_rules(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Let failed calls show what callers sent, or not."""
    endpoint = _endpoint_for(request, endpoint_id)
    services.keep_values(endpoint, request.POST.get("keep_values") == "1", by=_person(request), request=request)
    return redirect(reverse("endpoints:detail", args=[endpoint.id]) + "#failed-calls")


def _window_in(request: HttpRequest) -> int:
    text = request.GET.get("hours", "")
    return int(text) if text in {str(hours) for hours in WINDOWS} else USUAL_WINDOW


def _endpoint_for(request: HttpRequest, endpoint_id: UUID) -> Endpoint:
    endpoints = Endpoint.objects.visible_to(_person(request)).select_related("model", "workspace")
    return get_object_or_404(endpoints.prefetch_related("targets__version"), pk=endpoint_id)


def _may_edit(request: HttpRequest, endpoint: Endpoint) -> bool:
    role = role_of(_person(request), endpoint.workspace)
    return role is not None and RANK[role] >= RANK[Role.EDITOR]


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user
