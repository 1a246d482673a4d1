"""What things cost: price lists that operators set, each in force from a day on, and money added up.

Old use keeps its price: a list that is in force is never changed, and a new one begins tomorrow at the earliest. Only
the first list may begin earlier, since until then nothing had a price.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Literal

from babel.numbers import list_currencies
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from modelyard.accounts.models import User
from modelyard.accounts.services import record
from modelyard.errors import Conflict, InvalidInput, NotAllowed
from modelyard.quotas.models import PriceList

Unit = Literal["call", "row", "cpu_second", "gpu_second", "gb_month"]
UNITS: tuple[Unit, ...] = ("call", "row", "cpu_second", "gpu_second", "gb_month")
GB_MONTH = 1024**3 * 30 * 24 * 3600
"""A GB-month in bytes times seconds."""
MOST = Decimal(10**9)
DECIMALS = Decimal("0.000000001")


@dataclass(kw_only=True)
class Cost:
    """Money by currency: more than one only where an operator has changed it meanwhile."""

    amounts: dict[str, Decimal] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(self.amounts.values())

    def add(self, other: "Cost") -> None:
        for currency, amount in other.amounts.items():
            self.amounts[currency] = self.amounts.get(currency, Decimal(0)) + amount

    def to_json(self) -> dict[str, str]:
        """Currency to a decimal number, as text so that nothing is rounded."""
        return {currency: f"{amount.quantize(DECIMALS).normalize():f}" for currency, amount in self.amounts.items()}


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Every price list, by the day it begins."""

    lists: tuple[PriceList, ...]

    def __bool__(self) -> bool:
        return bool(self.lists)

    def on(self, day: date) -> PriceList | None:
        """The list in force on a day."""
        place = bisect_right([one.from_day for one in self.lists], day)
        return self.lists[place - 1] if place else None

    def cost(self, day: date, amounts: Mapping[Unit, float | Decimal]) -> Cost:
        """What `amounts` of units cost on a day; nothing where no list was in force."""
        prices = self.on(day)
        if prices is None:
            return Cost()
        total = sum((getattr(prices, unit) * Decimal(amount) for unit, amount in amounts.items()), Decimal(0))
        return Cost(amounts={prices.currency: total})


def read_prices() -> Prices:
    """Every price list, in one query."""
    return Prices(lists=tuple(PriceList.objects.order_by("from_day")))


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def first_day() -> date | None:
    """The first day a new list may begin; None where any day will do."""
    in_force = PriceList.objects.filter(from_day__lte=today()).exists()
    return today() + timedelta(days=1) if in_force else None


@transaction.atomic
def set_prices(
    from_day: date, currency: str, amounts: Mapping[Unit, Decimal], *, by: User, request: HttpRequest | None = None
) -> PriceList:
    """Set what everything costs from a day on; a list that has yet to begin that day is replaced.

    Raises `NotAllowed`, `InvalidInput`.
    """
    _require_operator(by)
    problems = _problems(from_day, currency, amounts)
    if problems:
        raise InvalidInput(problems)
    values: dict[str, Decimal] = {unit: amounts.get(unit, Decimal(0)) for unit in UNITS}
    made, _new = PriceList.objects.update_or_create(
        from_day=from_day, defaults={"currency": currency, "set_by": by, **values}
    )
    told = {unit: str(amount) for unit, amount in values.items()}
    record("prices.set", str(from_day), by=by, workspace=None, request=request, currency=currency, **told)
    return made


@transaction.atomic
def withdraw_prices(from_day: date, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete a list that has yet to begin. Raises `NotAllowed`, `Conflict`."""
    _require_operator(by)
    deleted, _rows = PriceList.objects.filter(from_day=from_day, from_day__gt=today()).delete()
    if not deleted:
        raise Conflict(gettext("These prices are in force or were, so they stay; set new ones from a later day on."))
    record("prices.withdraw", str(from_day), by=by, workspace=None, request=request)


def _problems(from_day: date, currency: str, amounts: Mapping[Unit, Decimal]) -> dict[str, str]:
    problems: dict[str, str] = {}
    earliest = first_day()
    if earliest is not None and from_day < earliest:
        words = gettext("must be %(first)s or later, so that old use keeps its price; got %(given)s")
        problems["from_day"] = words % {"first": earliest, "given": from_day}
    if currency not in list_currencies():
        problems["currency"] = gettext("must be a currency such as EUR, USD or CNY, got %(given)s") % {
            "given": currency[:20]
        }
    for unit, amount in amounts.items():
        if not amount.is_finite() or not 0 <= amount <= MOST or amount != amount.quantize(DECIMALS):
            words = gettext("must be from 0 to %(most)s with at most 9 decimals, got %(given)s")
            problems[unit] = words % {"most": f"{MOST:f}", "given": amount}
    return problems


def _require_operator(person: User) -> None:
    if not person.is_staff:
        raise NotAllowed(gettext("Only an operator sets prices."))
