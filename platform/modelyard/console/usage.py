"""What a workspace used, as its members see it: limits, days, and who or what used it."""

from decimal import Decimal
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from modelyard.accounts.models import Workspace
from modelyard.accounts.requests import workspace_of_page
from modelyard.console.figures import days_between
from modelyard.console.periods import Period, period_of
from modelyard.endpoints.usage import GROUPINGS, UsageLine, UsageReport, report_usage
from modelyard.quotas import services as quotas
from modelyard.quotas.pricing import read_prices, today
from modelyard.streamed_rows import StreamedRows


@login_required
@require_http_methods(["GET", "HEAD"])
def usage_page(request: HttpRequest) -> HttpResponse:
    workspace, period = workspace_of_page(request), period_of(request)
    by_day = report_usage(workspace, period.start, period.end, "day")
    context = {
        "period": period,
        "statuses": quotas.overview(workspace),
        "total": by_day.total,
        "predictions_chart": _predictions_chart(by_day, period),
        "training_chart": _training_chart(by_day, period),
        "cost_charts": _cost_charts(by_day, period),
        "prices": read_prices().on(today()),
        "breakdowns": _breakdowns(workspace, period),
    }
    return render(request, "console/usage.html", context)


@login_required
@require_http_methods(["GET", "HEAD"])
def usage_csv(request: HttpRequest, grouping: str) -> HttpResponseBase:
    """The same figures for a spreadsheet."""
    chosen = next((one for one in GROUPINGS if one == grouping), None)
    if chosen is None:
        raise Http404
    workspace, period = workspace_of_page(request), period_of(request)
    report = report_usage(workspace, period.start, period.end, chosen)
    currencies = sorted(report.total.cost.amounts)
    header = ["name", "requests", "predictions", "errors", "mean_ms", "training_seconds"]
    rows = (_row(line, currencies) for line in report.lines)
    name = f"usage-by-{grouping}-{period.start:%Y-%m-%d}-{period.end:%Y-%m-%d}.csv"
    return StreamedRows(name, [grouping, *header, *(f"cost_{currency}" for currency in currencies)], rows)


def _row(line: UsageLine, currencies: list[str]) -> list[object]:
    calls, cost = line.calls, line.cost.to_json()
    figures = [calls.requests, calls.predictions, calls.errors, calls.mean_ms(), line.training_seconds]
    return [line.group, line.title, *figures, *(Decimal(cost.get(currency, "0")) for currency in currencies)]


def _breakdowns(workspace: Workspace, period: Period) -> list[dict[str, Any]]:
    titles = {"endpoint": gettext("By endpoint"), "key": gettext("By key"), "user": gettext("By person")}
    nameless = {"key": gettext("playground and pages"), "endpoint": gettext("files, without an endpoint")}
    return [
        {
            "grouping": grouping,
            "title": titles[grouping],
            "nameless": nameless.get(grouping, gettext("unknown")),
            "lines": sorted(
                report_usage(workspace, period.start, period.end, grouping).lines, key=lambda line: -line.calls.requests
            ),
        }
        for grouping in GROUPINGS
        if grouping != "day"
    ]


def _predictions_chart(report: UsageReport, period: Period) -> dict[str, Any]:
    found = {line.group: line.calls for line in report.lines}
    days = [day.isoformat() for day in days_between(period.start, period.end)]
    counts = {
        gettext("predictions"): [(day, found[day].predictions if day in found else 0) for day in days],
        gettext("errors"): [(day, found[day].errors if day in found else 0) for day in days],
    }
    return {
        "x": {"label": gettext("Day"), "format": "time"},
        "y": {"label": gettext("Predictions"), "min": 0, "whole": True},
        "series": [{"name": name, "points": points} for name, points in counts.items()],
    }


def _training_chart(report: UsageReport, period: Period) -> dict[str, Any]:
    found = {line.group: line.training_seconds or 0 for line in report.lines}
    days = [day.isoformat() for day in days_between(period.start, period.end)]
    return {
        "x": {"label": gettext("Day"), "format": "time"},
        "y": {"label": gettext("Training time"), "format": "duration", "min": 0, "whole": True},
        "series": [{"name": gettext("training time"), "points": [(day, found.get(day, 0)) for day in days]}],
    }


def _cost_charts(report: UsageReport, period: Period) -> list[dict[str, Any]]:
    """A chart for each currency, where anything was charged."""
    found = {line.group: line.cost.amounts for line in report.lines}
    days = [day.isoformat() for day in days_between(period.start, period.end)]
    return [
        {
            "x": {"label": gettext("Day"), "format": "time"},
            "y": {"label": currency, "min": 0},
            "series": [
                {
                    "name": gettext("cost"),
                    "points": [(day, float(found.get(day, {}).get(currency, 0))) for day in days],
                }
            ],
        }
        for currency, amount in sorted(report.total.cost.amounts.items())
        if amount
    ]
