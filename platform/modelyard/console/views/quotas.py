"""The limits of every workspace, changed in place."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts.models import Workspace
from modelyard.accounts.requests import person_of
from modelyard.console.access import operators_only
from modelyard.console.forms import SHOWN_UNITS, LimitForm, ShareForm, shown_limit
from modelyard.quotas import services
from modelyard.quotas.kinds import KINDS
from modelyard.quotas.services import QuotaStatus
from modelyard.runs.services import set_share, shares_of

PER_PAGE = 20


@operators_only
@require_http_methods(["GET", "HEAD"])
def quotas(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    found = Workspace.objects.order_by("name", "pk")
    if wanted:
        found = found.filter(Q(name__icontains=wanted) | Q(memberships__user__email__icontains=wanted)).distinct()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    statuses = services.overviews(list(page.object_list))
    shares = shares_of(list(page.object_list))
    rows = [
        {"workspace": one, "cells": [_cell(one, status) for status in statuses[one]], "share": _share(one, shares[one])}
        for one in page.object_list
    ]
    return render(request, "console/quotas.html", {"page": page, "rows": rows, "q": wanted, "wrong": services.audit()})


@operators_only
@require_POST
def change_limit(request: HttpRequest, workspace_id: UUID, kind: str) -> HttpResponse:
    """Change one limit. By htmx only its cell is answered, else the whole page."""
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    if kind not in KINDS:
        raise Http404
    form = LimitForm(KINDS[kind], request.POST.dict())
    if form.is_valid():
        services.set_limit(workspace, kind, form.cleaned_data["limit"], by=person_of(request), request=request)
    problem = " ".join(str(problem) for problem in form.errors.get("limit", []))
    if not request.headers.get("HX-Request"):
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, gettext("The limit is changed and works at once."))
        return redirect("console:quotas")
    status = next(one for one in services.overview(workspace) if one.kind == kind)
    cell = _cell(workspace, status, problem=problem, saved=not problem)
    return render(request, "console/_quota_cell.html", {"cell": cell})


@operators_only
@require_POST
def change_share(request: HttpRequest, workspace_id: UUID) -> HttpResponse:
    """Change how much of the queue a workspace gets. By htmx only its cell is answered, else the whole page."""
    workspace = get_object_or_404(Workspace, pk=workspace_id)
    form = ShareForm(request.POST)
    if form.is_valid():
        set_share(workspace, form.cleaned_data["percent"], by=person_of(request), request=request)
    problem = " ".join(str(problem) for problem in form.errors.get("percent", []))
    if request.headers.get("HX-Request"):
        share = _share(workspace, shares_of([workspace])[workspace], problem=problem, saved=not problem)
        return render(request, "console/_share_cell.html", {"share": share})
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, gettext("The share is changed and works at once."))
    return redirect("console:quotas")


def _share(workspace: Workspace, percent: int, *, problem: str = "", saved: bool = False) -> dict[str, object]:
    return {"workspace": workspace, "percent": percent, "problem": problem, "saved": saved}


def _cell(workspace: Workspace, status: QuotaStatus, *, problem: str = "", saved: bool = False) -> dict[str, object]:
    return {
        "workspace": workspace,
        "status": status,
        "shown": shown_limit(status.limit, status.unit),
        "unit": SHOWN_UNITS.get(status.unit, ""),
        "problem": problem,
        "saved": saved,
    }
