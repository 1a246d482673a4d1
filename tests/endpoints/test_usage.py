"""What was used, over the API."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.endpoints.services import fold_usage
from modelyard.endpoints.usage import quantile_ms
from tests.artifacts import make_run, make_version
from tests.endpoints.conftest import Mirror

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PERIOD = {"from": "2026-11-01", "to": "2026-11-30"}


@pytest.fixture
def api(mirror: Mirror, client: Client, alice: User, workspace: Workspace) -> Client:
    client.force_login(alice)
    return client


def use(mirror: Mirror, workspace: Workspace, days: int = 0, **fields: Any) -> None:
    mirror.use(workspace, minute=int((NOW - timedelta(days=days)).timestamp() // 60), **fields)


def asked(api: Client, **parameters: str) -> dict[str, Any]:
    answer = api.get("/api/v1/usage", {**PERIOD, **parameters})
    assert answer.status_code == 200
    return dict(answer.json())


def test_usage_by_day(api: Client, mirror: Mirror, workspace: Workspace) -> None:
    use(mirror, workspace, predictions=3)
    use(mirror, workspace, days=1, errors=1, predictions=0)
    use(mirror, workspace, days=60)
    fold_usage()

    report = asked(api)

    assert [(line["group"], line["requests"], line["predictions"], line["errors"]) for line in report["results"]] == [
        ("2026-11-19", 1, 0, 1),
        ("2026-11-20", 1, 3, 0),
    ]
    assert (report["total"]["requests"], report["total"]["rows"]) == (2, 3)
    assert report["results"][0]["latency"]["mean_ms"] == pytest.approx(4)
    assert 2 <= report["total"]["latency"]["p50_ms"] <= 5


def test_usage_by_endpoint_key_and_person(api: Client, mirror: Mirror, workspace: Workspace, alice: User) -> None:
    key, _text = keys.create_key("Shop", workspace=workspace, user=alice, scopes=["predict"])
    use(mirror, workspace, key=key.id, user=str(alice.pk))
    use(mirror, workspace, endpoint="prices")
    fold_usage()

    def groups(grouping: str) -> list[tuple[str, str]]:
        return [(line["group"], line["title"]) for line in asked(api, group_by=grouping)["results"]]

    assert groups("endpoint") == [("churn", "churn"), ("prices", "prices")]
    assert groups("key") == [("", ""), (key.id, "Shop")]
    assert groups("user") == [("", ""), (str(alice.pk), "Alice")]


def test_training_time_and_storage_are_part_of_it(api: Client, workspace: Workspace, alice: User) -> None:
    run = make_run(workspace, alice)
    run.ended_at, run.usage = NOW, {"wall_seconds": 90.5}
    run.save()
    version = make_version(workspace, alice)

    report = asked(api)

    assert [(line["group"], line["training_seconds"]) for line in report["results"]] == [("2026-11-20", 90.5)]
    assert report["total"]["training_seconds"] == 90.5
    assert report["storage_bytes"] == version.size
    assert asked(api, group_by="user")["results"][0]["training_seconds"] == 90.5
    assert asked(api, group_by="endpoint")["results"] == []


def test_without_a_period_it_is_the_last_thirty_days(api: Client, mirror: Mirror, workspace: Workspace) -> None:
    mirror.use(workspace)
    mirror.use(workspace, minute=int((timezone.now() - timedelta(days=31)).timestamp() // 60))
    fold_usage()

    assert api.get("/api/v1/usage").json()["total"]["requests"] == 1


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "0001-01-01"}, "from"),
        ({"from": "2026-12-01"}, "from"),
        ({"from": "2020-01-01"}, "from"),
        ({"group_by": "colour"}, "group_by"),
    ],
)
def test_odd_parameters_are_refused(api: Client, parameters: dict[str, str], param: str) -> None:
    answer = api.get("/api/v1/usage", {**PERIOD, **parameters})

    assert (answer.status_code, answer.json()["error"]["param"]) == (422, param)


def test_other_workspaces_are_not_counted(mirror: Mirror, client: Client, workspace: Workspace, charlie: User) -> None:
    use(mirror, workspace)
    fold_usage()
    client.force_login(charlie)

    assert asked(client)["total"]["requests"] == 0


@pytest.mark.parametrize(
    ("counts", "share", "milliseconds"),
    [
        ([], 0.5, None),
        ([0] * 11, 0.5, None),
        ([10] + [0] * 10, 0.5, 0.5),
        ([0, 0, 10] + [0] * 8, 0.5, 3.5),
        ([0] * 10 + [4], 0.95, 1000.0),
        ([5, 0, 0, 5] + [0] * 7, 0.75, 7.5),
    ],
)
def test_quantiles_are_read_from_the_histogram(counts: list[int], share: float, milliseconds: float | None) -> None:
    assert quantile_ms(counts, share) == milliseconds
