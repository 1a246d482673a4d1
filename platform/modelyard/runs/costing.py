"""What a run costs: told before it starts, and as it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, Value
from django.db.models.functions import Now

from modelyard.quotas.pricing import Cost, Prices, Unit, read_prices, today
from modelyard.runs.estimating import Forecast
from modelyard.runs.models import TrainingRun, Worker
from modelyard.runs.reporting import ALIVE


@dataclass(frozen=True, kw_only=True)
class Quote:
    """`low` to `high` is expected; `most` is the price of the whole time budget."""

    low: Cost
    high: Cost
    most: Cost


def quote(forecast: Forecast) -> Quote | None:
    """What a run would cost if it began today on one of the devices that are there; None while nothing has a price."""
    prices, day = read_prices(), today()
    if prices.on(day) is None:
        return None
    units = _units_there()

    def cost(seconds: float, unit: Unit) -> Cost:
        return prices.cost(day, {unit: Decimal(seconds)})

    def amount(money: Cost) -> Decimal:
        return sum(money.amounts.values(), Decimal(0))

    return Quote(
        low=min((cost(forecast.low, unit) for unit in units), key=amount),
        high=max((cost(forecast.high, unit) for unit in units), key=amount),
        most=max((cost(forecast.reserved, unit) for unit in units), key=amount),
    )


def cost_of_run(run: TrainingRun, prices: Prices | None = None) -> Cost | None:
    """What a run that has ended costs at the prices of the day it ended; None while it has not, or without prices."""
    if run.ended_at is None:
        return None
    prices, day = prices or read_prices(), run.ended_at.astimezone(UTC).date()
    return cost_of_usage(prices, day, run.usage) if prices.on(day) is not None else None


def cost_of_usage(prices: Prices, day: date, usage: Mapping[str, Any]) -> Cost:
    """What training took, as `Usage.to_json`: its seconds on a processor, or on a GPU where it had one."""
    unit: Unit = "gpu_second" if usage.get("gpu_seconds") else "cpu_second"
    return prices.cost(day, {unit: Decimal(str(usage.get("wall_seconds") or 0))})


def _units_there() -> list[Unit]:
    """What a second is charged as by the workers that train now; on a processor where there is none."""
    lately = ExpressionWrapper(Now() - Value(ALIVE), output_field=DateTimeField())
    workers = Worker.objects.filter(seen_at__gte=lately)
    kinds = {worker.device.get("kind") for worker in workers if "train" in worker.queues}
    units: list[Unit] = ["gpu_second"] if "gpu" in kinds else []
    return [*units, "cpu_second"] if "cpu" in kinds or not units else units
