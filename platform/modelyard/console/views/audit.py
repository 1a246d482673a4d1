"""Who did what to which object, when, from where."""

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from modelyard.accounts.models import AuditEvent
from modelyard.console.access import operators_only

PER_PAGE = 100


@operators_only
@require_http_methods(["GET", "HEAD"])
def audit(request: HttpRequest) -> HttpResponse:
    wanted, action = request.GET.get("q", "").strip(), request.GET.get("action", "")
    found = AuditEvent.objects.select_related("actor", "workspace").order_by("-pk")
    if action:
        found = found.filter(action=action)
    if wanted:
        found = found.filter(
            Q(subject__icontains=wanted)
            | Q(actor__email__icontains=wanted)
            | Q(workspace__name__icontains=wanted)
            | Q(address__icontains=wanted)
            | Q(key=wanted)
        )
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "actions": AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct(),
        "action": action,
        "q": wanted,
    }
    return render(request, "console/audit.html", context)
