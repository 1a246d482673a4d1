"""Programs read what people see."""

from typing import Any

import pytest
from django.test import Client

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.reference import Reference
from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.folding import fold_observations
from tests.monitoring.telling import MOVED, Predictors, give_reference

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(client: Client, workspace: Workspace, alice: User, endpoint: Endpoint) -> Any:
    key = create_key("of a test", workspace=workspace, user=alice, scopes=["write"])[1]

    def ask(path: str, method: str = "GET", body: Any = None, status: int = 200) -> Any:
        answer = client.generic(
            method,
            f"/api/v1/endpoints/{endpoint.name}/{path}",
            body or "",
            "application/json",
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    return ask


def test_live_traffic(api: Any, predictors: Predictors) -> None:
    predictors.live(v1_calls=10, v1_rows=30, v1_status_400=2, v1_latency_20=10)
    told = api("traffic")
    assert (told["window"], told["calls"], told["rows"], told["failed"]) == ("live", 10, 30, 2)
    assert told["calls_per_second"] > 0
    assert told["errors"] == [{"status": 400, "title": "The request does not fit the model", "calls": 2}]
    assert told["versions"] == [{"version": 1, "calls": 10, "share": 1.0, "released": 1.0}]
    assert 0 < told["latency"]["p50_ms"] <= told["latency"]["p99_ms"]


def test_traffic_of_a_day(api: Any, predictors: Predictors) -> None:
    predictors.call(7)
    fold_observations()
    told = api("traffic?window=day")
    assert (told["calls"], told["calls_per_second"]) == (7, None)


def test_failures(api: Any, predictors: Predictors) -> None:
    predictors.fail()
    predictors.fail(status=422, column="", row=None, at=1_800_000_000.0)
    fold_observations()
    newest, oldest = api("failures")["results"]
    assert (newest["status"], newest["row"]) == (422, None)
    assert (oldest["status"], oldest["column"], oldest["row"], oldest["withheld"]) == (400, "age", 0, True)


def test_drift(api: Any, predictors: Predictors, endpoint: Endpoint) -> None:
    give_reference(endpoint.targets.get().version)
    predictors.sketch(MOVED)
    fold_observations()
    told = api("drift?window=week&version=1")
    assert (told["comparable"], told["rows"], told["level"]) == (True, 200, "drifted")
    age = told["columns"][0]
    assert (age["name"], age["level"]) == ("age", "drifted")
    assert age["index"] > 0.25 > age["chance"] > 0
    assert sum(one["live"] for one in age["bins"]) == pytest.approx(1)


def test_drift_of_a_version_of_before(api: Any) -> None:
    told = api("drift")
    assert (told["comparable"], told["columns"]) == (False, [])


def test_drift_of_forecasts_is_not_told(api: Any, endpoint: Endpoint) -> None:
    give_reference(endpoint.targets.get().version, Reference(columns=(), part="test"))
    assert api("drift")["comparable"] is False


def test_rules(api: Any) -> None:
    assert api("monitoring") == {"keep_values": False}
    assert api("monitoring", "PUT", '{"keep_values": true}') == {"keep_values": True}
    assert api("monitoring") == {"keep_values": True}


@pytest.mark.parametrize("path", ["traffic?window=year", "drift?window=live", "drift?version=9"])
def test_what_cannot_be_meant_is_refused(api: Any, path: str) -> None:
    assert "must be one" in api(path, status=422)["error"]["message"]


def test_rules_need_a_value(api: Any) -> None:
    api("monitoring", "PUT", "{}", status=400)
