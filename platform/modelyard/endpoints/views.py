"""The pages of endpoints: the list, a new one, one endpoint with its playground."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import RANK, require_role, role_of
from modelyard.api_base import workspace_of
from modelyard.endpoints import services
from modelyard.endpoints.addresses import predict_url, predictor_url, titled_protocols_of
from modelyard.endpoints.answers import Answer, answer_of
from modelyard.endpoints.calling import PredictorAway, Refused, predict
from modelyard.endpoints.client_snippets import client_snippets_of
from modelyard.endpoints.forms import NewEndpointForm, chosen_version
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.playground import PlaygroundForm
from modelyard.endpoints.reasons import ask_reasons
from modelyard.endpoints.release_form import ReleaseForm, sent_release
from modelyard.endpoints.release_section import release_section
from modelyard.endpoints.snippets import snippets_of
from modelyard.endpoints.states import read_reports, state_of
from modelyard.endpoints.traffic_plots import calls_plot, latency_plot
from modelyard.endpoints.triton_snippet import triton_snippet_of
from modelyard.endpoints.usage import Calls, calls_by_endpoint, calls_by_version, traffic_of
from modelyard.errors import Conflict, InvalidInput, QuotaExceeded
from modelyard.registry import services as registry
from modelyard.registry.models import ModelVersion, RegisteredModel

DAY_HOURS, WEEK_HOURS = 24, 168
MOST_VERSIONS = 20


@login_required
@require_safe
def list_endpoints(request: HttpRequest) -> HttpResponse:
    workspace, reports = workspace_of(request), read_reports()
    endpoints = Endpoint.objects.filter(workspace=workspace).order_by("name")
    calls = calls_by_endpoint(workspace, since=timezone.now() - timedelta(hours=DAY_HOURS)) if workspace else {}
    rows = [
        {"endpoint": endpoint, "state": state_of(endpoint, reports), "calls": calls.get(endpoint.name, Calls())}
        for endpoint in endpoints.select_related("model").prefetch_related("targets__version")
    ]
    return render(request, "endpoints/list.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def create_endpoint(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of(request)
    require_role(_person(request), workspace, Role.EDITOR)
    if request.method != "POST":
        version = chosen_version(request.GET.get("version"), workspace)
        proposed = {"version": version, "name": services.propose_name(version.model)} if version else {}
        return render(request, "endpoints/new.html", {"form": NewEndpointForm(workspace, initial=proposed)})
    form = NewEndpointForm(workspace, request.POST)
    if form.is_valid():
        version = form.cleaned_data["version"]
        split = [{"version": version.number, "percent": 100}]
        name = form.cleaned_data["name"]
        try:
            endpoint = services.publish(workspace, name, version.model, split, by=_person(request), request=request)
        except InvalidInput as fault:
            for place, text in fault.problems.items():
                form.add_error(place if place in form.fields else None, text)
        except Conflict as fault:
            form.add_error("name", fault.message)
        except QuotaExceeded as fault:
            form.add_error(None, fault.message)
        else:
            return redirect(endpoint)
    return render(request, "endpoints/new.html", {"form": form}, status=422)


@login_required
@require_safe
def show_endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    return _show(request, _endpoint_for(request, endpoint_id))


@login_required
@require_safe
def show_state(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = _endpoint_for(request, endpoint_id)
    return render(request, "endpoints/_state.html", {"endpoint": endpoint, "state": state_of(endpoint)})


@login_required
@require_POST
def try_endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """The playground's call; without JavaScript the whole page comes back with the answer."""
    endpoint = _endpoint_for(request, endpoint_id)
    form = PlaygroundForm(services.promise_of(endpoint), request.POST, request.FILES)
    answer = _answer(request, endpoint, form) if form.is_valid() else None
    status = 200 if answer else 422
    if not request.headers.get("HX-Request"):
        return _show(request, endpoint, form=form, answer=answer, status=status)
    name = "endpoints/_answer.html" if form.takes_images else "endpoints/_playground.html"
    return render(request, name, {"endpoint": endpoint, "form": form, "answer": answer}, status=status)


@login_required
@require_POST
def release(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = _endpoint_for(request, endpoint_id)
    form = ReleaseForm(endpoint, _versions(endpoint), request.POST)
    try:
        if not form.is_valid():
            return _show(request, endpoint, release_form=form, status=422)
        plan = sent_release(endpoint, form, request.POST)
        services.release(endpoint, **plan, by=_person(request), request=request)
    except InvalidInput as fault:
        form.add_error(None, next(iter(fault.problems.values())))
        return _show(request, endpoint, release_form=form, status=422)
    messages.success(request, _("Released. Predictors load the model before they switch."))
    return redirect(endpoint)


@login_required
@require_POST
def delete_endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    endpoint = _endpoint_for(request, endpoint_id)
    services.retire(endpoint, by=_person(request), request=request)
    messages.success(request, _("The endpoint %(name)s is deleted.") % {"name": endpoint.name})
    return redirect("endpoints:list")


@login_required
@require_POST
def change_alias(request: HttpRequest, model_id: UUID) -> HttpResponse:
    """Set an alias of a model, or take it away; endpoints let callers name versions by alias."""
    models = RegisteredModel.objects.visible_to(_person(request)).select_related("workspace")
    model = get_object_or_404(models, pk=model_id)
    name, number = request.POST.get("alias", "").strip(), request.POST.get("version", "")
    try:
        if number.isascii() and number.isdigit() and len(number) < 10:
            version = registry.get_version(model, int(number))
            services.set_alias(version, name, by=_person(request), request=request)
        else:
            services.remove_alias(model, name, by=_person(request), request=request)
    except InvalidInput as fault:
        messages.error(request, next(iter(fault.problems.values())))
    return redirect(model)


def _show(
    request: HttpRequest,
    endpoint: Endpoint,
    *,
    form: PlaygroundForm | None = None,
    answer: Answer | None = None,
    release_form: ReleaseForm | None = None,
    status: int = 200,
) -> HttpResponse:
    promise = services.promise_of(endpoint)
    hours = WEEK_HOURS if request.GET.get("hours") == str(WEEK_HOURS) else DAY_HOURS
    now = timezone.now()
    traffic = traffic_of(endpoint, hours=hours, now=now)
    served = services.first_target(endpoint).version
    calls = calls_by_version(endpoint, since=now - timedelta(hours=hours))
    context = {
        "endpoint": endpoint,
        "model": endpoint.model,
        "served": served,
        "run": served.run,
        "state": state_of(endpoint),
        "form": form or PlaygroundForm(promise),
        "answer": answer,
        "snippets": [
            *snippets_of(predict_url(endpoint), promise),
            *client_snippets_of(predictor_url(), endpoint.name, promise),
            triton_snippet_of(predictor_url(), endpoint.name, promise),
        ],
        "url": predict_url(endpoint),
        "protocols": titled_protocols_of(endpoint),
        "hours": hours,
        "plots": [calls_plot(traffic), latency_plot(traffic)],
        **release_section(endpoint, _versions(endpoint), calls, release_form),
        "may_edit": _may_edit(request, endpoint),
    }
    return render(request, "endpoints/detail.html", context, status=status)


def _versions(endpoint: Endpoint) -> list[ModelVersion]:
    """The versions that a release may name: the newest, and whatever answers now."""
    newest = list(endpoint.model.versions.order_by("-number")[:MOST_VERSIONS])
    return newest + [target.version for target in endpoint.targets.all() if target.version not in newest]


def _answer(request: HttpRequest, endpoint: Endpoint, form: PlaygroundForm) -> Answer | None:
    try:
        level = services.interval_level_of(endpoint)
        row, promise = form.row(), services.promise_of(endpoint)
        prediction = predict(endpoint, row, by=_person(request), level=level)
        reasons = ask_reasons(endpoint, row, prediction, by=_person(request)) if form.wants_explanation else None
        return answer_of(prediction, promise, reasons)
    except Refused as fault:
        form.blame(fault.message)
    except PredictorAway as fault:
        form.add_error(None, fault.message)
    return None


def _endpoint_for(request: HttpRequest, endpoint_id: UUID) -> Endpoint:
    endpoints = Endpoint.objects.visible_to(_person(request)).select_related("model", "workspace", "created_by")
    return get_object_or_404(endpoints.prefetch_related("targets__version__run"), pk=endpoint_id)


def _may_edit(request: HttpRequest, endpoint: Endpoint) -> bool:
    role = role_of(_person(request), endpoint.workspace)
    return role is not None and RANK[role] >= RANK[Role.EDITOR]


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user
