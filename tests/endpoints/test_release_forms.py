"""Releases with shadows, keys and guards over the API and on the endpoint's page."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from modelyard.accounts import keys
from modelyard.accounts.models import User, Workspace
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint, Release
from modelyard.registry.models import ModelVersion
from tests.artifacts import make_version
from tests.endpoints.conftest import ALL_TO_ONE, CANARY, GUARD, Committing, Mirror
from tests.endpoints.releases import current, tell_shadow, use


@pytest.fixture
def api(mirror: Mirror, client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def post(client: Client, body: Any) -> Any:
    return client.post("/api/v1/endpoints/churn/releases", body, content_type="application/json")


def test_a_release_with_everything_over_the_api(
    api: Client, endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User
) -> None:
    make_version(workspace, alice)
    key, _text = keys.create_key("Test", workspace=workspace, user=alice, scopes=["predict"])

    answer = post(api, {"split": CANARY, "shadow": 3, "keys": {key.pk: 2}, "guard": {"error_rate": 0.02}})

    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made["split"] == CANARY
    assert made["guard"] == {**GUARD, "latency_factor": None}
    assert (made["shadow"], made["keys"], made["verdict"]) == (3, {key.pk: 2}, "watching")
    shown = api.get("/api/v1/endpoints/churn").json()
    assert shown["split"] == CANARY
    assert [release["shadow"] for release in shown["releases"]] == [3, None]


@pytest.mark.parametrize(
    "more",
    [
        {"guard": {"error_rate": -1}},
        {"guard": {}},
        {"guard": "strict"},
        {"shadow": "two"},
        {"shadow": 2},
        {"keys": {"nobody00": 2}},
        {"keys": [1]},
        {"keys": {"nobody00": "two"}},
    ],
)
def test_odd_parts_of_a_release_are_refused_over_the_api(
    api: Client, endpoint: Endpoint, second: ModelVersion, more: dict[str, Any]
) -> None:
    answer = post(api, {"split": CANARY, **more})
    assert answer.status_code in (400, 422), answer.content
    assert endpoint.releases.count() == 1


# -- on the page


def released(client: Client, endpoint: Endpoint, **sent: str) -> Any:
    return client.post(reverse("endpoints:release", args=[endpoint.id]), sent)


def test_the_form_makes_a_release_with_everything(
    api: Client, endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User
) -> None:
    make_version(workspace, alice)
    key, _text = keys.create_key("Shop", workspace=workspace, user=alice, scopes=["predict"])
    shares = {"percent-1": "90", "percent-2": "10", "percent-3": "0"}
    guard = {
        "guarded": "on",
        "error_points": "2",
        "latency_factor": "",
        "minimum_requests": "20",
        "window_minutes": "5",
    }

    answer = released(api, endpoint, **shares, **guard, **{"shadow": "3", f"key-{key.pk}": "2"})

    assert answer.status_code == 302
    made = current(endpoint)
    assert (made.split, made.shadow, made.keys) == (CANARY, 3, {key.pk: 2})
    assert made.guard == {"error_rate": 0.02, "latency_factor": None, "minimum_requests": 20, "window_minutes": 5}
    page = api.get(endpoint.get_absolute_url()).content.decode()
    assert "Shadow: version 3" in page
    assert "being watched" in page
    assert "1 key with a version of its own" in page


def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(
    api: Client, endpoint: Endpoint, second: ModelVersion
) -> None:
    answer = released(api, endpoint, **{"percent-1": "70", "percent-2": "10"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "add up to 100 percent, got 80" in page
    assert 'value="70"' in page
    assert endpoint.releases.count() == 1

    answer = released(api, endpoint, **{"percent-1": "90", "percent-2": "10", "guarded": "on"})
    assert answer.status_code == 422
    assert "Say how much worse" in answer.content.decode()


def test_the_page_says_that_and_why_a_release_was_taken_back(
    api: Client, guarded: Release, endpoint: Endpoint, workspace: Workspace, mirror: Mirror, committing: Committing
) -> None:
    use(mirror, workspace, 1)
    use(mirror, workspace, 2, faults=20, errors=20)
    watched = api.get(endpoint.get_absolute_url()).content.decode()
    assert "20.0%" in watched
    with committing():
        services.judge_releases()

    page = api.get(endpoint.get_absolute_url()).content.decode()
    assert "The last release was rolled back" in page
    assert "20.0% of 100 calls failed" in page
    assert "by itself" in page


def test_rolling_back_on_the_page_brings_the_keys_back(
    api: Client, endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User
) -> None:
    key, _text = keys.create_key("Shop", workspace=workspace, user=alice, scopes=["predict"])
    first = services.release(endpoint, ALL_TO_ONE, by=alice, keys={key.pk: 2})
    services.release(endpoint, [{"version": 2, "percent": 100}], by=alice)

    assert released(api, endpoint, release=str(first.pk)).status_code == 302
    assert (current(endpoint).split, current(endpoint).keys) == (ALL_TO_ONE, {key.pk: 2})


def test_a_shadow_s_figures_and_its_fault_are_on_the_page(
    api: Client, endpoint: Endpoint, second: ModelVersion, alice: User, mirror: Mirror
) -> None:
    made = services.release(endpoint, ALL_TO_ONE, by=alice, shadow=2)
    tell_shadow(mirror, made, compared=40, agreed=36)
    services.fold_shadows()
    shadow = {"version": 2, "state": "END", "message": "core.onnx was changed after training"}
    mirror.report("a", endpoint, state="live", versions={"1": "AVAILABLE"}, shadow=shadow)

    page = api.get(endpoint.get_absolute_url()).content.decode()
    assert "90.0%" in page
    assert "core.onnx was changed after training" in page
