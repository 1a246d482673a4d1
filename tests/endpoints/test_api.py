"""Endpoints over the platform API."""

from typing import Any

import pytest
from django.test import Client

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.endpoints.models import Endpoint, Release
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import ENDPOINTS
from modelyard.registry.models import ModelVersion
from tests.artifacts import PRICES, make_version
from tests.endpoints.conftest import Mirror

NEW = {"name": "churn", "model": "Churn", "version": 1}


@pytest.fixture
def api(mirror: Mirror, client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def post(client: Client, path: str, body: Any, **headers: str) -> Any:
    return client.post(f"/api/v1/{path}", body, content_type="application/json", headers=headers)


def test_an_endpoint_is_published(api: Client, version: ModelVersion, mirror: Mirror) -> None:
    answer = post(api, "endpoints", NEW)

    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["state"], made["model"]) == ("churn", "unreachable", "Churn")
    assert made["url"].endswith("/v1/models/churn:predict")
    assert made["protocols"]["tensorflow-serving"]["predict"] == made["url"]
    assert made["protocols"]["mlflow"]["invocations"].endswith("/endpoints/churn/invocations")
    assert made["protocols"]["sagemaker"]["endpoint_name"] == "churn"
    assert made["split"] == [{"version": 1, "percent": 100}]
    assert Endpoint.objects.get().created_by is not None


def test_its_state_becomes_live_when_the_predictor_has_it(api: Client, endpoint: Endpoint, mirror: Mirror) -> None:
    mirror.report("a", endpoint, state="live", versions={"1": "AVAILABLE"})

    shown = api.get("/api/v1/endpoints/churn").json()

    assert shown["state"] == "live"
    assert shown["signature"]["output"]["labels"] == ["no", "yes"]
    assert [release["split"] for release in shown["releases"]] == [[{"version": 1, "percent": 100}]]


def test_publishing_with_the_same_idempotency_key_happens_once(api: Client, version: ModelVersion) -> None:
    first, again = (post(api, "endpoints", NEW, **{"Idempotency-Key": "abc"}) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert Endpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"name": "Churn!"}, 422, "name"),
        ({"name": None}, 400, "name"),
        ({"model": "Nothing"}, 404, None),
        ({"version": 9}, 422, "version"),
        ({"version": 0}, 400, "version"),
        ({"version": "one"}, 400, "version"),
        ({"version": None}, 400, "version"),
        ({"split": [{"version": 1, "percent": 100}]}, 422, "version"),
    ],
)
def test_odd_requests_are_refused(
    api: Client, version: ModelVersion, change: dict[str, Any], status: int, param: str | None
) -> None:
    answer = post(api, "endpoints", {**NEW, **change})

    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("body", [[], "x", 1, None, {"name": "churn"}])
def test_bodies_that_are_no_request_are_refused(api: Client, version: ModelVersion, body: Any) -> None:
    assert post(api, "endpoints", body).status_code in (400, 422)


def test_a_taken_name_is_a_conflict(api: Client, endpoint: Endpoint) -> None:
    answer = post(api, "endpoints", NEW)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")


def test_a_spent_quota_is_told_apart(api: Client, version: ModelVersion, workspace: Workspace, operator: User) -> None:
    quotas.set_limit(workspace, ENDPOINTS.name, 0, by=operator)

    answer = post(api, "endpoints", NEW)

    assert answer.status_code == 429
    assert (answer.json()["error"]["type"], answer.json()["error"]["param"]) == ("insufficient_quota", "endpoints")


def test_endpoints_are_listed(api: Client, endpoint: Endpoint) -> None:
    listed = api.get("/api/v1/endpoints").json()

    assert [found["name"] for found in listed["results"]] == ["churn"]
    assert listed["next"] is None


def test_a_release_of_one_version_and_of_a_split(
    api: Client, endpoint: Endpoint, workspace: Workspace, alice: User
) -> None:
    make_version(workspace, alice)
    split = [{"version": 1, "percent": 25}, {"version": 2, "percent": 75}]

    for body, shown in (
        ({"version": 2}, [{"version": 2, "percent": 100}]),
        ({"split": split}, split),
        ({"version": 1}, None),
    ):
        answer = post(api, "endpoints/churn/releases", body)
        assert answer.status_code == 201
        assert answer.json()["split"] == (shown or [{"version": 1, "percent": 100}])
    assert Release.objects.count() == 4


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 422, "version"),
        ({"version": 1, "split": []}, 422, "version"),
        ({"version": 9}, 422, "version"),
        ({"version": 2}, 422, "version"),
        ({"split": [{"version": 1, "percent": 60}]}, 422, "split"),
        ({"split": []}, 422, "split"),
        ({"split": "all"}, 400, "split"),
        ({"split": [{"version": 1, "percent": 101}]}, 400, "split"),
        ({"split": [{"version": 1}]}, 400, "split"),
    ],
)
def test_odd_releases_are_refused(
    api: Client, endpoint: Endpoint, workspace: Workspace, alice: User, body: Any, status: int, param: str
) -> None:
    make_version(workspace, alice, signature=PRICES)

    answer = post(api, "endpoints/churn/releases", body)

    assert answer.status_code == status
    assert answer.json()["error"]["param"].split(".")[0] == param
    assert Release.objects.count() == 1


def test_an_endpoint_is_deleted(api: Client, endpoint: Endpoint) -> None:
    assert api.delete("/api/v1/endpoints/churn").status_code == 204
    assert api.get("/api/v1/endpoints/churn").status_code == 404
    assert api.delete("/api/v1/endpoints/churn").status_code == 404


def test_a_viewer_reads_and_changes_nothing(mirror: Mirror, client: Client, vera: User, endpoint: Endpoint) -> None:
    client.force_login(vera)

    assert client.get("/api/v1/endpoints/churn").status_code == 200
    assert post(client, "endpoints", {**NEW, "name": "other"}).status_code == 403
    assert post(client, "endpoints/churn/releases", {"version": 1}).status_code == 403
    assert client.delete("/api/v1/endpoints/churn").status_code == 403


def test_an_outsider_finds_nothing(mirror: Mirror, client: Client, charlie: User, endpoint: Endpoint) -> None:
    client.force_login(charlie)

    assert client.get("/api/v1/endpoints").json()["results"] == []
    assert client.get("/api/v1/endpoints/churn").status_code == 404
    assert client.delete("/api/v1/endpoints/churn").status_code == 404
    assert post(client, "endpoints/churn/releases", {"version": 1}).status_code == 404
    assert post(client, "endpoints", NEW).status_code == 404


def test_a_visitor_is_asked_who_he_is(mirror: Mirror, client: Client, endpoint: Endpoint) -> None:
    for path in ("endpoints", "endpoints/churn", "usage"):
        assert client.get(f"/api/v1/{path}").status_code == 401


def test_a_key_publishes_with_the_scope_to_write(
    mirror: Mirror, client: Client, workspace: Workspace, alice: User, version: ModelVersion
) -> None:
    for scope, status in (("predict", 403), ("read", 403), ("write", 201)):
        _key, text = keys.create_key("k", workspace=workspace, user=alice, scopes=[scope])
        assert post(client, "endpoints", NEW, Authorization=f"Bearer {text}").status_code == status
