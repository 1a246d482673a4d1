"""The pages of models: the list, one model, one version, two versions compared."""

import math
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from modelyard.accounts.models import Role, User
from modelyard.accounts.services import RANK, require_role, role_of
from modelyard.api_base import workspace_of
from modelyard.errors import Conflict, InvalidInput, QuotaExceeded, StorageAway
from modelyard.registry import anomalies, certainty_plots, deriving, forecasts, report_plots, services
from modelyard.registry.comparison import compare
from modelyard.registry.downloads import TITLES, open_download
from modelyard.registry.leaderboard import leaderboard_of
from modelyard.registry.lineage import lineage_of
from modelyard.registry.metrics import PART_TITLES, headline_of, table_of
from modelyard.registry.models import RegisteredModel
from modelyard.registry.split_story import split_of
from modelyard.registry.threshold_form import threshold_form
from modelyard.streamed_file import StreamedFile
from modelyard.wording import in_words

PAGE = 50


@login_required
@require_safe
def list_models(request: HttpRequest) -> HttpResponse:
    workspace = workspace_of(request)
    wanted = request.GET.get("q", "").strip()
    models = RegisteredModel.objects.filter(workspace=workspace).order_by("-created_at")
    found = models.filter(name__icontains=wanted) if wanted else models
    page = Paginator(found.with_versions(), PAGE).get_page(request.GET.get("page"))
    rows = [_listed(model) for model in page]
    return render(request, "registry/list.html", {"rows": rows, "page": page, "wanted": wanted})


@login_required
@require_safe
def show_model(request: HttpRequest, model_id: UUID) -> HttpResponse:
    model = _model_for(request, model_id)
    versions = list(model.versions.select_related("created_by", "run").prefetch_related("aliases", "targets__endpoint"))
    versions.sort(key=lambda version: -version.number)
    rows = [
        {"version": version, "headline": headline_of(version.report, former.report if former else None)}
        for version, former in zip_longest(versions, versions[1:])
    ]
    context = {"model": model, "rows": rows, "aliases": model.aliases.select_related("version").order_by("name")}
    return render(request, "registry/detail.html", context | _rights(request, model))


@login_required
@require_safe
def show_version(request: HttpRequest, model_id: UUID, number: int) -> HttpResponse:
    model = _model_for(request, model_id)
    version = services.get_version(model, number)
    former = model.versions.filter(number__lt=number).order_by("-number").first()
    report: dict[str, Any] = version.report
    plots = (anomalies.score_plot, report_plots.roc_plot, report_plots.pr_plot, report_plots.calibration_plot)
    residuals = (report_plots.residual_plot, report_plots.error_plot)
    certainty = (certainty_plots.coverage_plot, certainty_plots.threshold_plot)
    shown = [plot for plot in (make(report) for make in (*residuals, *plots, *certainty)) if plot]
    context = {
        "model": model,
        "version": version,
        "former": former,
        "report": report,
        "headline": headline_of(report, former.report if former else None),
        "part_titles": PART_TITLES.values(),
        "metric_rows": table_of(report),
        "notices": _list_notices(report),
        "plots": shown,
        "threshold_form": threshold_form(report, shown),
        "split": split_of(report),
        "history": report_plots.history_plot(report),
        "confusion": report.get("confusion"),
        "confusion_rows": report_plots.confusion_rows(report),
        "leaderboard": leaderboard_of(report),
        "forecast": forecasts.describe_forecast(report),
        "forecast_plots": forecasts.forecast_plots(report),
        "strangest": anomalies.strangest_of(report),
        "thresholds": anomalies.thresholds_of(report),
        "importance": report_plots.importance_bars(report),
        "several_texts": len({entry["column"] for entry in report.get("words", [])}) > 1,
        "lineage": lineage_of(version),
        "downloads": [(name, TITLES[name]) for name in version.formats if name in TITLES],
        "endpoints": [target.endpoint for target in version.targets.select_related("endpoint")],
    }
    return render(request, "registry/version.html", context | _rights(request, model))


@login_required
@require_safe
def compare_versions(request: HttpRequest, model_id: UUID) -> HttpResponse:
    model = _model_for(request, model_id)
    numbers = list(model.versions.order_by("-number").values_list("number", flat=True))
    older, newer = (_chosen(request, name, numbers, place) for name, place in (("a", 1), ("b", 0)))
    comparison = None
    if older is not None and newer is not None:
        comparison = compare(services.get_version(model, older), services.get_version(model, newer))
    context = {"model": model, "numbers": numbers, "older": older, "newer": newer, "comparison": comparison}
    return render(request, "registry/compare.html", context | _rights(request, model))


@login_required
@require_safe
def download(request: HttpRequest, model_id: UUID, number: int, format: str) -> StreamedFile:  # noqa: A002
    return open_download(services.get_version(_model_for(request, model_id), number), format)


@login_required
@require_POST
def choose_threshold(request: HttpRequest, model_id: UUID, number: int) -> HttpResponse:
    version = services.get_version(_model_for(request, model_id), number)
    require_role(_person(request), version.model.workspace, Role.EDITOR)
    try:
        derived = deriving.choose_threshold(
            version, _number_in(request.POST.get("threshold", "")), by=_person(request), request=request
        )
    except (Conflict, InvalidInput, QuotaExceeded, StorageAway) as fault:
        messages.error(request, fault.message)
        return redirect("registry:version", model_id, number)
    messages.success(request, _("%(name)s has this threshold. Publish it to answer with it.") % {"name": derived})
    return redirect("registry:version", model_id, derived.number)


@login_required
@require_POST
def delete_version(request: HttpRequest, model_id: UUID, number: int) -> HttpResponse:
    version = services.get_version(_model_for(request, model_id), number)
    name = str(version)
    try:
        services.delete_version(version, by=_person(request), request=request)
    except Conflict as fault:
        messages.error(request, fault.message)
        return redirect("registry:version", model_id, number)
    messages.success(request, _("%(name)s is deleted.") % {"name": name})
    return redirect("registry:detail", model_id)


@login_required
@require_POST
def delete_model(request: HttpRequest, model_id: UUID) -> HttpResponse:
    model = _model_for(request, model_id)
    try:
        services.delete_model(model, by=_person(request), request=request)
    except Conflict as fault:
        messages.error(request, fault.message)
        return redirect("registry:detail", model_id)
    messages.success(request, _("%(name)s is deleted.") % {"name": model.name})
    return redirect("registry:list")


def _listed(model: RegisteredModel) -> dict[str, Any]:
    newest = next(iter(model.versions.all()), None)
    return {"model": model, "newest": newest, "headline": headline_of(newest.report) if newest else None}


def _model_for(request: HttpRequest, model_id: UUID) -> RegisteredModel:
    models = RegisteredModel.objects.visible_to(_person(request)).select_related("workspace")
    return get_object_or_404(models, pk=model_id)


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def _rights(request: HttpRequest, model: RegisteredModel) -> dict[str, bool]:
    role = role_of(_person(request), model.workspace)
    return {"may_edit": role is not None and RANK[role] >= RANK[Role.EDITOR]}


def _chosen(request: HttpRequest, name: str, numbers: list[int], place: int) -> int | None:
    """The version that a parameter names, else the newest but `place`."""
    text = request.GET.get(name, "")
    if text.isascii() and text.isdigit() and int(text[:9]) in numbers:
        return int(text[:9])
    return numbers[place] if place < len(numbers) else None


def _list_notices(report: Mapping[str, Any]) -> list[str]:
    """What the report tells about the data; reports of older models hold no sentences that can be translated."""
    data = report.get("data") or {}
    notices = data.get("notices", [])
    sentences = data.get("sentences") or [None] * len(notices)
    return [
        in_words({"message": message, "sentence": sentence})
        for message, sentence in zip(notices, sentences, strict=False)
    ]


def _number_in(text: str) -> float:
    """The number that a form sent. Raises `InvalidInput`."""
    try:
        wanted = float(text)
    except ValueError:
        wanted = math.nan
    if not math.isfinite(wanted) or wanted < 0:
        words = _("must be a number of at least 0; got %(text)s")
        raise InvalidInput({"threshold": words % {"text": repr(text[:40])}})
    return wanted
