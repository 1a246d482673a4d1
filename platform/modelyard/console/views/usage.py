"""What every workspace used and what that costs, for operators."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from modelyard.accounts.models import Workspace
from modelyard.console import figures
from modelyard.console.access import operators_only
from modelyard.console.periods import Period, period_of
from modelyard.endpoints.costing import Charge, add_up, list_charges
from modelyard.endpoints.models import PredictionUsage
from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.quotas.models import Quota
from modelyard.quotas.pricing import Cost
from modelyard.runs.models import TrainingRun
from modelyard.streamed_rows import StreamedRows

SHOWN = 100


@dataclass(kw_only=True)
class Line:
    """What one workspace used. `storage_bytes` is what it holds now."""

    workspace: Workspace
    calls: int = 0
    predictions: int = 0
    errors: int = 0
    training_seconds: float = 0.0
    storage_bytes: int = 0
    cost: Cost = field(default_factory=Cost)


@operators_only
@require_http_methods(["GET", "HEAD"])
def usage(request: HttpRequest) -> HttpResponse:
    period = period_of(request)
    charges = list(list_charges(period.start, period.end))
    lines = _list_lines(period, charges)
    context = {
        "period": period,
        "lines": lines[:SHOWN],
        "hidden": max(0, len(lines) - SHOWN),
        "total": add_up(charges, lambda charge: "").get(""),
        "predictions_chart": figures.chart_predictions(period.start, period.end),
        "training_chart": figures.chart_training(period.start, period.end),
        "cost_charts": figures.chart_costs(charges, period.start, period.end),
    }
    return render(request, "console/everybodys_usage.html", context)


@operators_only
@require_http_methods(["GET", "HEAD"])
def usage_csv(request: HttpRequest) -> HttpResponseBase:
    """The table for a spreadsheet."""
    period = period_of(request)
    charges = list(list_charges(period.start, period.end))
    currencies = sorted({currency for charge in charges for currency in charge.cost.amounts})
    header = ["workspace", "name", "requests", "predictions", "errors", "training_seconds", "storage_bytes"]
    name = f"usage-by-workspace-{period.start:%Y-%m-%d}-{period.end:%Y-%m-%d}.csv"
    rows = _rows(_list_lines(period, charges), currencies)
    return StreamedRows(name, [*header, *(f"cost_{currency}" for currency in currencies)], rows)


def _rows(lines: list[Line], currencies: list[str]) -> Iterator[list[object]]:
    for line in lines:
        figures_of = [line.calls, line.predictions, line.errors, line.training_seconds, line.storage_bytes]
        cost = line.cost.to_json()
        costs = [Decimal(cost.get(currency, "0")) for currency in currencies]
        yield [str(line.workspace.pk), line.workspace.name, *figures_of, *costs]


def _list_lines(period: Period, charges: list[Charge]) -> list[Line]:
    """Every workspace that used or holds anything, the dearest first, else the one with most predictions."""
    lines = {workspace.pk: Line(workspace=workspace) for workspace in Workspace.objects.all()}
    calls = PredictionUsage.objects.filter(hour__gte=period.start, hour__lt=period.end).values_list("workspace_id")
    for pk, requests, predictions, errors in calls.annotate(Sum("requests"), Sum("predictions"), Sum("errors")):
        lines[pk].calls, lines[pk].predictions, lines[pk].errors = requests, predictions, errors
    runs = TrainingRun.objects.filter(ended_at__gte=period.start, ended_at__lt=period.end)
    for pk, taken in runs.values_list("workspace_id", "usage"):
        lines[pk].training_seconds += float(taken.get("wall_seconds") or 0)
    for pk, held in Quota.objects.filter(kind=STORAGE_BYTES.name).values_list("workspace_id", "used"):
        lines[pk].storage_bytes = held
    for pk, cost in add_up(charges, lambda charge: charge.workspace).items():
        lines[pk].cost = cost
    busy = [line for line in lines.values() if line.calls or line.training_seconds or line.storage_bytes or line.cost]
    return sorted(busy, key=lambda line: (-sum(line.cost.amounts.values()), -line.predictions, line.workspace.name))
