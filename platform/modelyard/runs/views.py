"""Pages of training runs: the list, the gallery of model templates, the form of a new run, and one run."""

from typing import cast
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import RANK, require_role, role_of
from modelyard.api_base import workspace_of
from modelyard.catalog import get_template, list_templates
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import InvalidInput, QuotaExceeded
from modelyard.runs import services
from modelyard.runs.calibrating import look_back
from modelyard.runs.costing import cost_of_run
from modelyard.runs.forecasting import forecast_cards, preview
from modelyard.runs.forms import RunForm
from modelyard.runs.models import RunState, TrainingRun
from modelyard.runs.presenting import describe_headline, list_curves, title_of_phase
from modelyard.runs.weights import list_kinds

PAGE = 25
TAIL = 200


@login_required
@require_GET
def list_runs(request: HttpRequest) -> HttpResponse:
    """The runs of the workspace, newest first."""
    mine = _visible(request).filter(workspace=workspace_of(request) or None)
    state = request.GET.get("state", "")
    found = mine.filter(state=state) if state in RunState.values else mine
    page = Paginator(found.order_by("-created_at"), PAGE).get_page(request.GET.get("page"))
    titles = {template.slug: _(template.title) for template in list_templates()}
    context = {"page": page, "state": state, "states": RunState.choices, "any": mine.exists(), "titles": titles}
    return render(request, "runs/list.html", context)


@login_required
@require_GET
def show_templates(request: HttpRequest) -> HttpResponse:
    """What can be trained; for a data set version, what fits it comes first."""
    version = _named_version(request) if request.GET.get("version") else None
    if version is None:
        everything = {"others": list_templates(), "version": None, "weights": list_kinds()}
        return render(request, "runs/templates.html", everything)
    profile = services.ready_profile(version)
    suiting, others = services.sort_templates(profile)
    cards = forecast_cards(version.dataset.workspace, suiting, profile)
    context = {"cards": cards, "others": others, "version": version, "weights": list_kinds()}
    return render(request, "runs/templates.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new_run(request: HttpRequest) -> HttpResponse:
    """The form that the template declares, what the run will take, and the start."""
    if not request.GET.get("version"):
        return redirect("runs:templates")
    version = _named_version(request)
    require_role(_person(request), version.dataset.workspace, Role.EDITOR)
    template = get_template(request.GET.get("template", ""))
    profile = services.ready_profile(version)
    sent = request.POST if request.method == "POST" else request.GET if "seed" in request.GET else None
    form, status = RunForm(template, profile, sent), 200
    if request.method == "POST" and "preview" not in request.POST:
        try:
            return redirect(_request_run(request, version, form))
        except InvalidInput as fault:
            form.add_problems(fault.problems)
            status = 422
        except QuotaExceeded as fault:
            form.add_error(None, fault.message)
            status = 429
    context = {
        "version": version,
        "model_template": template,
        "form": form,
        "suiting": services.sort_templates(profile)[0],
        "preview": preview(version.dataset.workspace, template, profile, form),
    }
    return render(request, "runs/new.html", context, status=status)


@login_required
@require_GET
def show_run(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """How it is going, when it is done, whether it is any good yet."""
    run = _find_run(request, run_id)
    context = {"curves": list_curves(run), "model_template": _template_of(run), **_describe_log(run)}
    return render(request, "runs/detail.html", {**_describe_state(request, run), **context})


@login_required
@require_GET
def show_state(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The part of the page that changes while it runs."""
    return render(request, "runs/_state.html", _describe_state(request, _find_run(request, run_id)))


@login_required
@require_GET
def show_curves(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The curves: as a fragment, or as figures for those that are drawn already (`?as=json`)."""
    run = _find_run(request, run_id)
    curves = list_curves(run)
    if request.GET.get("as") == "json":
        return JsonResponse({"curves": {curve["name"]: curve["chart"]["series"] for curve in curves}})
    return render(request, "runs/_curves.html", {"run": run, "curves": curves})


@login_required
@require_GET
def show_log(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """The last lines of the log; all of them as text with `?all=1`."""
    run = _find_run(request, run_id)
    if request.GET.get("all"):
        lines = run.log.order_by("id").values_list("at", "level", "message")
        text = "".join(f"{at.isoformat(timespec='seconds')} {level} {message}\n" for at, level, message in lines)
        return HttpResponse(text, content_type="text/plain; charset=utf-8")
    return render(request, "runs/_log.html", {"run": run, **_describe_log(run)})


@login_required
@require_POST
def cancel(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Stop and discard."""
    run = _find_run(request, run_id)
    require_role(_person(request), run.workspace, Role.EDITOR)
    services.cancel_run(run, by=_person(request), request=request)
    return redirect(run)


@login_required
@require_POST
def finish(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """Stop and keep the best so far."""
    run = _find_run(request, run_id)
    require_role(_person(request), run.workspace, Role.EDITOR)
    services.finish_run(run, by=_person(request), request=request)
    return redirect(run)


def _request_run(request: HttpRequest, version: DatasetVersion, form: RunForm) -> TrainingRun:
    return services.request_run(
        version,
        model_template=form.model_template.slug,
        target=form.target(),
        hyperparameters=form.hyperparameters(),
        options=form.chosen_options(),
        name=str(form["name"].value() or ""),
        by=_person(request),
        request=request,
    )


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _visible(request: HttpRequest) -> QuerySet[TrainingRun]:
    mine = TrainingRun.objects.visible_to(_person(request))
    return mine.select_related("workspace", "dataset_version__dataset", "created_by", "model_version__model")


def _find_run(request: HttpRequest, run_id: UUID) -> TrainingRun:
    return get_object_or_404(_visible(request), pk=run_id)


def _named_version(request: HttpRequest) -> DatasetVersion:
    try:
        version_id = UUID(request.GET.get("version", ""))
    except ValueError:
        raise Http404 from None
    mine = DatasetVersion.objects.visible_to(_person(request)).select_related("dataset__workspace")
    return get_object_or_404(mine, pk=version_id)


def _template_of(run: TrainingRun) -> str:
    titles = {template.slug: _(template.title) for template in list_templates()}
    return titles.get(run.model_template, run.model_template)


def _describe_state(request: HttpRequest, run: TrainingRun) -> dict[str, object]:
    role = role_of(_person(request), run.workspace)
    return {
        "run": run,
        "phase": title_of_phase(run.phase),
        "position": services.queue_position(run),
        "headline": describe_headline(run),
        "cost": cost_of_run(run),
        "expected": look_back(run),
        "epochs": run.epochs.count(),
        "lines": run.log.count(),
        "may_change": role is not None and RANK[role] >= RANK[Role.EDITOR],
    }


def _describe_log(run: TrainingRun) -> dict[str, object]:
    newest = list(run.log.order_by("-id")[:TAIL])
    return {"log": newest[::-1], "older": run.log.count() > TAIL}
