"""What use costs: calls, rows, training and storage at the prices of their day."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import TruncDate

from modelyard.accounts.models import Workspace
from modelyard.endpoints.models import PredictionUsage
from modelyard.quotas.models import StorageDay
from modelyard.quotas.pricing import GB_MONTH, Cost, Prices, read_prices
from modelyard.runs.costing import cost_of_usage
from modelyard.runs.models import TrainingRun


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One day's cost of one thing. What has no endpoint, key or person has None there."""

    workspace: UUID
    day: date
    cost: Cost
    endpoint: str | None = None
    key: str | None = None
    user: str | None = None


def list_charges(start: datetime, end: datetime, workspace: Workspace | None = None) -> Iterator[Charge]:
    """Every charge from `start` until `end`, of one workspace or of all; none as long as there are no prices."""
    prices = read_prices()
    if not prices:
        return
    narrowed: dict[str, Any] = {} if workspace is None else {"workspace": workspace}
    yield from _charge_calls(prices, start, end, narrowed)
    yield from _charge_training(prices, start, end, narrowed)
    yield from _charge_storage(prices, start, end, narrowed)


def add_up(charges: Iterable[Charge], group_of: Callable[[Charge], Any]) -> dict[Any, Cost]:
    """The cost of each group; charges of the group None are left out."""
    found: dict[Any, Cost] = {}
    for charge in charges:
        group = group_of(charge)
        if group is not None:
            found.setdefault(group, Cost()).add(charge.cost)
    return found


def _charge_calls(prices: Prices, start: datetime, end: datetime, narrowed: dict[str, Any]) -> Iterator[Charge]:
    rows = PredictionUsage.objects.filter(hour__gte=start, hour__lt=end, **narrowed)
    groups = rows.annotate(day=TruncDate("hour", tzinfo=UTC)).values("workspace_id", "day", "endpoint", "key", "user")
    for group in groups.annotate(calls=Sum("requests"), failed=Sum("errors"), answered=Sum("predictions")):
        amounts = {"call": max(0, group["calls"] - group["failed"]), "row": group["answered"]}
        yield Charge(
            workspace=group["workspace_id"],
            day=group["day"],
            cost=prices.cost(group["day"], amounts),  # type: ignore[arg-type]
            endpoint=group["endpoint"],
            key=group["key"],
            user=group["user"],
        )


def _charge_training(prices: Prices, start: datetime, end: datetime, narrowed: dict[str, Any]) -> Iterator[Charge]:
    runs = TrainingRun.objects.filter(ended_at__gte=start, ended_at__lt=end, **narrowed)
    for workspace, ended_at, person, usage in runs.values_list("workspace_id", "ended_at", "created_by_id", "usage"):
        assert ended_at is not None
        day = ended_at.astimezone(UTC).date()
        yield Charge(workspace=workspace, day=day, cost=cost_of_usage(prices, day, usage), user=str(person or ""))


def _charge_storage(prices: Prices, start: datetime, end: datetime, narrowed: dict[str, Any]) -> Iterator[Charge]:
    days = StorageDay.objects.filter(day__gte=start.astimezone(UTC).date(), day__lte=end.astimezone(UTC).date())
    for workspace, day, held in days.filter(**narrowed).values_list("workspace_id", "day", "byte_seconds"):
        yield Charge(workspace=workspace, day=day, cost=prices.cost(day, {"gb_month": Decimal(held) / GB_MONTH}))
