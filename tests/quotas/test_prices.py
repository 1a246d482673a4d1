"""Prices: set by operators, in force from their day on, never changed for what was used before."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.errors import Conflict, InvalidInput, NotAllowed
from modelyard.quotas import pricing
from modelyard.quotas.metering import meter_storage
from modelyard.quotas.models import PriceList, Quota, StorageDay
from modelyard.quotas.pricing import GB_MONTH, Cost, Unit
from modelyard.templatetags.money import money

TODAY = date(2026, 3, 10)
ALL: dict[Unit, Decimal] = {unit: Decimal(1) for unit in pricing.UNITS}


@pytest.fixture(autouse=True)
def calendar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "today", lambda: TODAY)


def test_the_first_prices_may_begin_earlier(operator: User) -> None:
    pricing.set_prices(date(2026, 1, 1), "EUR", ALL, by=operator)
    assert pricing.read_prices().on(TODAY) == PriceList.objects.get()
    assert pricing.read_prices().on(date(2025, 12, 31)) is None


@pytest.mark.parametrize("day", [date(2026, 1, 1), TODAY])
def test_prices_in_force_are_not_changed(operator: User, day: date) -> None:
    pricing.set_prices(day, "EUR", ALL, by=operator)
    for again in (day, TODAY):
        with pytest.raises(InvalidInput) as refusal:
            pricing.set_prices(again, "EUR", {**ALL, "call": Decimal(2)}, by=operator)
        assert "2026-03-11 or later" in refusal.value.problems["from_day"]
    with pytest.raises(Conflict):
        pricing.withdraw_prices(day, by=operator)
    assert PriceList.objects.get().call == 1


def test_old_use_keeps_its_price(operator: User) -> None:
    pricing.set_prices(date(2026, 3, 1), "EUR", {"call": Decimal("0.01")}, by=operator)
    pricing.set_prices(date(2026, 3, 11), "EUR", {"call": Decimal("0.02")}, by=operator)
    prices = pricing.read_prices()
    costs = [prices.cost(date(2026, 3, day), {"call": 100}).to_json() for day in (10, 11, 30)]
    assert costs == [{"EUR": "1"}, {"EUR": "2"}, {"EUR": "2"}]
    assert not prices.cost(date(2026, 2, 28), {"call": 100})


def test_prices_that_have_yet_to_begin_are_replaced_and_withdrawn(operator: User) -> None:
    pricing.set_prices(TODAY, "EUR", ALL, by=operator)
    later = TODAY + timedelta(days=3)
    for price in (2, 3):
        pricing.set_prices(later, "USD", {"call": Decimal(price)}, by=operator)
    assert PriceList.objects.get(from_day=later).call == 3
    pricing.withdraw_prices(later, by=operator)
    assert PriceList.objects.get().from_day == TODAY
    actions = AuditEvent.objects.filter(action__startswith="prices.").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["prices.set", "prices.set", "prices.set", "prices.withdraw"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("currency", {"currency": "XYZ"}),
        ("currency", {"currency": ""}),
        ("call", {"amounts": {"call": Decimal(-1)}}),
        ("call", {"amounts": {"call": Decimal("NaN")}}),
        ("row", {"amounts": {"row": Decimal("1e10")}}),
        ("row", {"amounts": {"row": Decimal("0.0000000001")}}),
    ],
)
def test_impossible_prices_are_refused(operator: User, field: str, wrong: dict[str, Any]) -> None:
    asked = {"currency": "EUR", "amounts": ALL, **wrong}
    with pytest.raises(InvalidInput) as refusal:
        pricing.set_prices(TODAY, asked["currency"], asked["amounts"], by=operator)
    assert list(refusal.value.problems) == [field]
    assert not PriceList.objects.exists()


def test_only_operators_set_prices(alice: User) -> None:
    with pytest.raises(NotAllowed):
        pricing.set_prices(TODAY, "EUR", ALL, by=alice)
    with pytest.raises(NotAllowed):
        pricing.withdraw_prices(TODAY, by=alice)


def test_money_is_shown_with_what_matters_of_it() -> None:
    def shown(amount: str) -> str:
        return money(Cost(amounts={"EUR": Decimal(amount)}))

    assert [shown(amount) for amount in ("0", "1234.5", "0.1", "0.01234", "0.000012345")] == [
        "€0.00",
        "€1,234.50",
        "€0.10",
        "€0.0123",
        "€0.0000123",
    ]
    assert money(Cost(amounts={"EUR": Decimal(1), "USD": Decimal(2)})) == "€1.00 + $2.00"
    assert money(Cost()) == "–"


def held(workspace: Workspace, size: int) -> None:
    Quota.objects.update_or_create(
        workspace=workspace, kind="storage_bytes", period="", defaults={"limit": 10**12, "used": size}
    )


def test_storage_is_measured_in_bytes_times_seconds_by_day(workspace: Workspace) -> None:
    start = datetime(2026, 3, 10, 22, tzinfo=UTC)
    held(workspace, 1000)
    meter_storage(start)
    meter_storage(start + timedelta(hours=1))
    held(workspace, 500)
    meter_storage(start + timedelta(hours=27))
    days = {row.day.day: int(row.byte_seconds) for row in StorageDay.objects.filter(workspace=workspace)}
    assert days == {10: 1000 * 3600 + 500 * 3600, 11: 500 * 86_400, 12: 500 * 3600}


def test_storage_is_measured_once_by_two_clocks(workspace: Workspace) -> None:
    start = datetime(2026, 3, 10, 12, tzinfo=UTC)
    held(workspace, 10**13)
    meter_storage(start)
    for _ in range(2):
        meter_storage(start + timedelta(seconds=60))
    meter_storage(start)
    assert StorageDay.objects.get(workspace=workspace).byte_seconds == 60 * 10**13


def test_a_gigabyte_held_for_thirty_days_is_a_gb_month(operator: User) -> None:
    pricing.set_prices(TODAY, "USD", {"gb_month": Decimal("0.05")}, by=operator)
    month = Decimal(1024**3 * 86_400 * 30) / GB_MONTH
    assert pricing.read_prices().cost(TODAY, {"gb_month": month}).to_json() == {"USD": "0.05"}
