"""Costs as members and operators see them: on pages, in the API and in files."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts.models import User, Workspace
from modelyard.endpoints.models import PredictionUsage
from modelyard.quotas import pricing
from modelyard.quotas.models import PriceList, StorageDay
from modelyard.runs import services
from modelyard.runs.models import TrainingRun, Worker
from modelyard.streamed_rows import StreamedRows
from tests.runs.making import make_run, make_version

PRICES = {"call": "0.01", "row": "0.001", "cpu_second": "0.1", "gpu_second": "2", "gb_month": "30"}


@pytest.fixture
def prices(operator: User) -> PriceList:
    amounts = {unit: Decimal(PRICES[unit]) for unit in pricing.UNITS}
    return pricing.set_prices(pricing.today() - timedelta(days=20), "EUR", amounts, by=operator)


@pytest.fixture
def used(workspace: Workspace, alice: User) -> TrainingRun:
    """7 calls of which 2 failed, 100 rows, 3 seconds of training, a gigabyte for a day: 0.05 + 0.10 + 0.30 + 1.00."""
    now = timezone.now()
    PredictionUsage.objects.create(
        workspace=workspace,
        endpoint="=churn",
        user=str(alice.pk),
        hour=now.replace(minute=0, second=0, microsecond=0),
        requests=7,
        predictions=100,
        errors=2,
        seconds=0.7,
    )
    make_run(make_version(workspace, alice), alice)
    run = services.claim_next("w")
    assert run is not None
    services.settle_succeeded(run, {}, services.Usage(wall_seconds=3, cpu_seconds=5))
    StorageDay.objects.create(
        workspace=workspace, day=pricing.today(), byte_seconds=1024**3 * 86_400, measured_until=now
    )
    return TrainingRun.objects.get(pk=run.pk)


def costs_by(client: Client, grouping: str) -> dict[str, Any]:
    answer = client.get("/api/v1/usage", {"group_by": grouping}).json()
    return {"": answer["total"]["cost"], **{line["group"]: line["cost"] for line in answer["results"]}}


@pytest.mark.usefixtures("prices", "used")
def test_the_api_tells_costs_by_everything(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert costs_by(client, "day") == {"": {"EUR": "1.45"}, str(pricing.today()): {"EUR": "1.45"}}
    assert costs_by(client, "endpoint")["=churn"] == {"EUR": "0.15"}
    assert costs_by(client, "key")[""] == {"EUR": "0.15"}
    assert costs_by(client, "user")[str(alice.pk)] == {"EUR": "0.45"}


@pytest.mark.usefixtures("used")
def test_without_prices_there_are_no_costs(client: Client, alice: User, used: TrainingRun) -> None:
    client.force_login(alice)
    assert costs_by(client, "day")[""] == {}
    assert client.get(f"/api/v1/runs/{used.pk}").json()["cost"] is None
    page = client.get(reverse("quotas:usage")).content.decode()
    assert "Cost" not in page


def test_a_run_tells_its_cost_when_it_has_ended(
    client: Client, alice: User, prices: PriceList, used: TrainingRun
) -> None:
    client.force_login(alice)
    assert client.get(f"/api/v1/runs/{used.pk}").json()["cost"] == {"EUR": "0.3"}
    assert "€0.30" in client.get(used.get_absolute_url()).content.decode()
    used.usage["gpu_seconds"] = 3
    used.save()
    assert client.get(f"/api/v1/runs/{used.pk}").json()["cost"] == {"EUR": "6"}
    waiting = make_run(make_version(used.workspace, alice), alice)
    assert client.get(f"/api/v1/runs/{waiting.pk}").json()["cost"] is None


def test_the_form_of_a_run_says_what_it_will_cost(
    client: Client, alice: User, workspace: Workspace, prices: PriceList
) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice)
    address = f"{reverse('runs:new')}?version={version.pk}&template=tabular_classifier"
    assert "At most €180.00" in client.get(address).content.decode()
    now = timezone.now()
    Worker.objects.create(name="w", queues=["train"], device={"kind": "gpu"}, started_at=now, seen_at=now)
    assert "At most €3,600.00" in client.get(address).content.decode()


@pytest.mark.usefixtures("prices", "used")
def test_members_see_costs_and_take_them_along(client: Client, vera: User) -> None:
    client.force_login(vera)
    page = client.get(reverse("quotas:usage")).content.decode()
    assert "€1.45" in page
    assert "Cost a day (EUR)" in page
    answer = client.get(reverse("quotas:usage_csv", args=["endpoint"]))
    assert answer.streaming
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (row["endpoint"], row["cost_EUR"]) == ("'=churn", "0.15")


@pytest.mark.usefixtures("prices", "used")
def test_operators_see_the_costs_of_every_workspace(client: Client, operator: User) -> None:
    client.force_login(operator)
    page = client.get(reverse("console:usage")).content.decode()
    assert "Lab" in page
    assert "€1.45" in page
    answer = client.get(reverse("console:usage_csv"))
    (row,) = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (row["name"], row["requests"], row["training_seconds"], row["cost_EUR"]) == ("Lab", "7", "3.0", "1.45")


def test_an_operator_sets_and_withdraws_prices(client: Client, operator: User, prices: PriceList) -> None:
    client.force_login(operator)
    address, tomorrow = reverse("console:prices"), pricing.today() + timedelta(days=1)
    assert f'value="{tomorrow}"' in client.get(address).content.decode()
    answer = client.post(address, {**PRICES, "from_day": tomorrow, "currency": "usd", "call": "0.5"})
    assert answer.status_code == 302
    assert PriceList.objects.get(from_day=tomorrow).currency == "USD"
    client.post(reverse("console:withdraw_prices"), {"from_day": tomorrow})
    assert PriceList.objects.get() == prices


@pytest.mark.parametrize(
    "wrong", [{"from_day": "2020-01-01"}, {"from_day": "soon"}, {"currency": "???"}, {"row": "-1"}, {"call": "NaN"}]
)
def test_impossible_prices_are_shown_beside_their_field(
    client: Client, operator: User, prices: PriceList, wrong: dict[str, str]
) -> None:
    client.force_login(operator)
    sent = {**PRICES, "from_day": pricing.today() + timedelta(days=1), "currency": "EUR", **wrong}
    answer = client.post(reverse("console:prices"), sent)
    assert answer.status_code == 422
    assert b"field-error" in answer.content
    assert PriceList.objects.get() == prices


def test_a_day_that_cannot_be_read_withdraws_nothing(client: Client, operator: User, prices: PriceList) -> None:
    client.force_login(operator)
    for day, status in (("", 422), ("2026-13-45", 422), (str(prices.from_day), 409)):
        assert client.post(reverse("console:withdraw_prices"), {"from_day": day}).status_code == status


@pytest.mark.asyncio
async def test_a_large_table_is_sent_in_pieces_by_an_asynchronous_server() -> None:
    taken = 0

    def rows() -> Any:
        nonlocal taken
        for number in range(2000):
            taken += 1
            yield [number, "=1+1"]

    pieces: AsyncIterator[bytes] = aiter(StreamedRows("big.csv", ["number", "text"], rows()))
    first = await anext(pieces)
    assert taken < 1000
    text = (first + b"".join([piece async for piece in pieces])).decode()
    assert text.count("\n") == 2001
    assert "\n7,'=1+1\r\n" in text
