"""People and workspaces, as operators see them."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import people as acts
from modelyard.accounts.factors import holding
from modelyard.accounts.models import User, Workspace
from modelyard.accounts.requests import person_of
from modelyard.console.access import operators_only
from modelyard.errors import InvalidInput
from modelyard.quotas import services as quotas

PER_PAGE = 50
ACTS = ("activate", "deactivate", "make_operator", "end_operator", "end_sessions", "reset_factors")


@operators_only
@require_http_methods(["GET", "HEAD"])
def people(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    found = User.objects.annotate(workspaces=Count("memberships")).order_by("-created_at")
    if wanted:
        found = found.filter(Q(email__icontains=wanted) | Q(name__icontains=wanted))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "console/people.html", {"page": page, "q": wanted})


@operators_only
@require_POST
def change_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    person, operator = get_object_or_404(User, pk=person_id), person_of(request)
    act = request.POST.get("act", "")
    if act in ("activate", "deactivate"):
        acts.set_active(person, act == "activate", by=operator, request=request)
    elif act in ("make_operator", "end_operator"):
        acts.set_operator(person, act == "make_operator", by=operator, request=request)
    elif act == "end_sessions":
        acts.end_sessions(person, by=operator, request=request)
    elif act == "reset_factors":
        holding.reset_factors(person, by=operator, request=request)
    else:
        raise InvalidInput({"act": f"must be one of {', '.join(ACTS)}, got {act!r}"})
    messages.success(request, gettext("Done: %(person)s.") % {"person": person.email})
    return redirect("console:people")


@operators_only
@require_http_methods(["GET", "HEAD"])
def workspaces(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    found = Workspace.objects.annotate(
        people=Count("memberships", distinct=True),
        sets=Count("datasets", distinct=True),
        trainings=Count("runs", distinct=True),
        published=Count("endpoints", distinct=True),
    ).order_by("-created_at")
    if wanted:
        found = found.filter(Q(name__icontains=wanted) | Q(memberships__user__email__icontains=wanted)).distinct()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    used = quotas.overviews(list(page.object_list))
    rows = [
        {"workspace": one, "storage": next(status for status in used[one] if status.kind == "storage_bytes")}
        for one in page.object_list
    ]
    return render(request, "console/workspaces.html", {"page": page, "rows": rows, "q": wanted})
