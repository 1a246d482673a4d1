"""The reference of an endpoint: a page for people, the document itself for programs."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from modelyard.accounts.models import User
from modelyard.endpoints.addresses import predictor_url
from modelyard.endpoints.calling import PredictorAway, Refused, read_document
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.reference import reference_of


@login_required
@require_safe
def show_reference(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint, person = _find(request, endpoint_id)
    context: dict[str, Any] = {"endpoint": endpoint}
    try:
        context["reference"] = reference_of(read_document(endpoint, by=person), predictor_url())
    except (PredictorAway, Refused) as fault:
        context["fault"] = fault.message
    return render(request, "endpoints/reference.html", context)


@login_required
@require_safe
def download_document(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """The document with the predictor's public address in it, for generators of clients. The page tells where there is
    none."""
    endpoint, person = _find(request, endpoint_id)
    try:
        document = read_document(endpoint, by=person)
    except (PredictorAway, Refused):
        return redirect("endpoints:reference", endpoint.pk)
    answer = JsonResponse({**document, "servers": [{"url": predictor_url()}]})
    answer.headers["Content-Disposition"] = f'attachment; filename="{endpoint.name}.openapi.json"'
    return answer


def _find(request: HttpRequest, endpoint_id: UUID) -> tuple[Endpoint, User]:
    if not isinstance(request.user, User):
        raise Http404
    return get_object_or_404(Endpoint.objects.visible_to(request.user), pk=endpoint_id), request.user
