"""What the whole installation holds and does, added up for operators."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext

from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import Dataset
from modelyard.endpoints.costing import Charge
from modelyard.endpoints.models import Endpoint, PredictionUsage
from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.quotas.models import Quota
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import RunState, TrainingRun, Worker
from modelyard.runs.reporting import ALIVE

MOST_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Totals:
    """How much there is of everything."""

    people: int
    workspaces: int
    datasets: int
    model_versions: int
    endpoints: int
    queued: int
    running: int
    workers: int
    predictions_today: int
    storage_bytes: int


def count_everything() -> Totals:
    """Count, with one query a table."""
    now = timezone.now()
    work = TrainingRun.objects.aggregate(
        queued=Count("pk", filter=Q(state=RunState.QUEUED)), running=Count("pk", filter=Q(state=RunState.RUNNING))
    )
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = PredictionUsage.objects.filter(hour__gte=midnight).aggregate(sum=Sum("predictions", default=0))
    storage = Quota.objects.filter(kind=STORAGE_BYTES.name).aggregate(sum=Sum("used", default=0))
    return Totals(
        people=User.objects.filter(is_active=True).count(),
        workspaces=Workspace.objects.count(),
        datasets=Dataset.objects.count(),
        model_versions=ModelVersion.objects.count(),
        endpoints=Endpoint.objects.count(),
        queued=work["queued"],
        running=work["running"],
        workers=Worker.objects.filter(seen_at__gte=now - ALIVE).count(),
        predictions_today=today["sum"],
        storage_bytes=storage["sum"],
    )


def chart_predictions(start: datetime, end: datetime) -> dict[str, Any]:
    """Rows predicted a day, a line for each of the busiest workspaces and one for the others together."""
    rows = (
        PredictionUsage.objects.filter(hour__gte=start, hour__lt=end)
        .annotate(day=TruncDate("hour"))
        .values("workspace_id", "day")
        .annotate(total=Sum("predictions"))
    )
    sums = {(row["workspace_id"], row["day"]): row["total"] for row in rows}
    return _chart(sums, start, end, label=gettext("Predictions"), form="number")


def chart_costs(charges: Iterable[Charge], start: datetime, end: datetime) -> list[dict[str, Any]]:
    """What was used cost a day, by workspace as above: one chart for each currency."""
    sums: dict[str, dict[tuple[UUID, date], float]] = {}
    for charge in charges:
        for currency, amount in charge.cost.amounts.items():
            of_currency, place = sums.setdefault(currency, {}), (charge.workspace, charge.day)
            of_currency[place] = of_currency.get(place, 0) + float(amount)
    return [
        _chart(found, start, end, label=currency, form="number", whole=False)
        for currency, found in sorted(sums.items())
        if any(found.values())
    ]


def chart_training(start: datetime, end: datetime) -> dict[str, Any]:
    """Training time a day, by workspace as above."""
    sums: dict[tuple[UUID, date], float] = {}
    for workspace, ended_at, usage in TrainingRun.objects.filter(ended_at__gte=start, ended_at__lt=end).values_list(
        "workspace_id", "ended_at", "usage"
    ):
        place = (workspace, timezone.localtime(ended_at).date())
        sums[place] = sums.get(place, 0) + float(usage.get("wall_seconds") or 0)
    return _chart(sums, start, end, label=gettext("Training time"), form="duration")


def days_between(start: datetime, end: datetime) -> list[date]:
    """Every day from `start` to `end`, both included."""
    first, last = start.date(), end.date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _chart(
    sums: Mapping[tuple[UUID, date], float],
    start: datetime,
    end: datetime,
    *,
    label: str,
    form: str,
    whole: bool = True,
) -> dict[str, Any]:
    totals: dict[UUID, float] = {}
    for (workspace, _day), amount in sums.items():
        totals[workspace] = totals.get(workspace, 0) + amount
    busiest = sorted(totals, key=lambda workspace: -totals[workspace])
    named, others = busiest[:MOST_LINES], busiest[MOST_LINES:]
    names = dict(Workspace.objects.filter(pk__in=named).values_list("pk", "name"))
    days = days_between(start, end)
    series = [{"name": names.get(one, "–"), "points": _points(sums, [one], days)} for one in named]
    if others:
        series.append({"name": gettext("All others"), "points": _points(sums, others, days)})
    if not series:
        series.append({"name": gettext("All workspaces"), "points": _points(sums, (), days)})
    return {
        "x": {"label": gettext("Day"), "format": "time"},
        "y": {"label": label, "format": form, "min": 0, "whole": whole},
        "series": series,
    }


def _points(
    sums: Mapping[tuple[UUID, date], float], workspaces: Iterable[UUID], days: Iterable[date]
) -> list[tuple[str, float]]:
    chosen = list(workspaces)
    return [(day.isoformat(), sum(sums.get((one, day), 0) for one in chosen)) for day in days]
