"""The first page, and the part of it that keeps itself up to date."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from modelyard.api_base import workspace_of
from modelyard.home.overview import reading, see_overview, see_work


@login_required
@require_safe
def show_home(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of(request)
    overview = see_overview(workspace) if workspace else None
    return render(request, "home/home.html", {"overview": overview})


@login_required
@require_safe
def show_work(request: HttpRequest) -> HttpResponse:
    """The running work alone, asked for every few seconds while there is some."""
    workspace = workspace_of(request)
    context = {"work": see_work(workspace), "reading": reading(workspace)} if workspace else {}
    return render(request, "home/_work.html", context)
