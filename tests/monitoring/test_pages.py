"""The page of an endpoint shows what goes on, what failed and what has drifted."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from modelyard.accounts.models import AuditEvent, User
from modelyard.contracts.observations import MONITORING
from modelyard.contracts.reference import Reference
from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.folding import fold_observations
from modelyard.monitoring.models import FailedCall
from modelyard.registry.models import ModelVersion
from tests import artifacts
from tests.endpoints.conftest import Committing
from tests.monitoring.telling import MOVED, SAME, Predictors, give_reference

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, alice: User, endpoint: Endpoint) -> Any:
    client.force_login(alice)

    def fetch(address: str = "") -> str:
        answer = client.get(address or endpoint.get_absolute_url())
        assert answer.status_code == 200
        return str(answer.content.decode())

    return fetch


def test_an_endpoint_that_nobody_calls_teaches_what_will_be_here(page: Any, version: ModelVersion) -> None:
    give_reference(version)
    shown = page()
    assert "No call came in the last 10 minutes" in shown
    assert "No call has failed lately" in shown
    assert "No rows were sampled" in shown


def test_live_figures_are_of_all_predictors(page: Any, predictors: Predictors, endpoint: Endpoint) -> None:
    predictors.live(v1_calls=90, v1_latency_20=90)
    predictors.live(v2_calls=8, v2_status_400=8, v0_calls=2, v0_status_429=2)
    for shown in (page(), page(f"/endpoints/{endpoint.pk}/live/")):
        assert "100 calls in the last 10 minutes, 10 of them failed" in shown
        assert "Too many requests for the quota" in shown
        assert "version 1: 92% of the calls, 100% released" in shown


def test_a_failed_call_is_shown_with_its_reason(page: Any, predictors: Predictors) -> None:
    predictors.call(3, statuses={"400": 1})
    predictors.fail(request_id="r-77", key="abcd1234")
    fold_observations()
    shown = page()
    for text in ("column &#x27;age&#x27; must be a number, got …", "r-77", "abcd1234", "does not fit the model"):
        assert text in shown
    assert "What callers sent is withheld" in shown


def test_words_of_a_caller_are_escaped(page: Any, predictors: Predictors) -> None:
    predictors.fail(artifacts.HOSTILE, withheld=False)
    fold_observations()
    assert "<script>alert" not in page()


def test_drift_is_shown_and_warned_of(page: Any, predictors: Predictors, version: ModelVersion) -> None:
    give_reference(version)
    predictors.sketch(MOVED)
    fold_observations()
    shown = page()
    assert "Callers send other data than the model was trained on" in shown
    assert "these have drifted: age." in shown
    assert shown.index('drift-name">age<') < shown.index('drift-name">city<'), "the furthest comes first"
    assert "Callers send other data" in page("/"), "the first page warns too"


def test_without_drift_nobody_is_warned(page: Any, predictors: Predictors, version: ModelVersion) -> None:
    give_reference(version)
    predictors.sketch(SAME)
    fold_observations()
    assert "Callers send other data" not in page() + page("/")


def test_a_version_of_before_says_why_there_is_no_drift(page: Any, predictors: Predictors) -> None:
    predictors.sketch(SAME)
    fold_observations()
    assert "Nothing to compare with" in page()


def test_a_forecaster_says_why_there_is_no_drift(page: Any, version: ModelVersion) -> None:
    give_reference(version, Reference(columns=(), part="test"))
    shown = page()
    assert "Drift is not measured for forecasts" in shown
    assert "No rows were sampled" not in shown


def test_the_page_of_drift_shows_every_column(page: Any, predictors: Predictors, endpoint: Endpoint) -> None:
    give_reference(endpoint.targets.get().version)
    predictors.sketch(MOVED)
    fold_observations()
    shown = page(f"/endpoints/{endpoint.pk}/drift/?hours=168&version=1")
    for text in ("age", "city", "Predictions of bought", "Never seen in training", "60 – 80", "above 80"):
        assert text in shown
    assert "No rows were sampled" not in page(f"/endpoints/{endpoint.pk}/drift/?hours=nonsense&version=999999999999")


def test_the_page_of_failures_has_pages(page: Any, endpoint: Endpoint) -> None:
    FailedCall.objects.bulk_create(
        FailedCall(endpoint=endpoint, version=1, created_at=timezone.now(), status=400, message=f"reason {number}")
        for number in range(60)
    )
    assert "Page 1 of 2" in page(f"/endpoints/{endpoint.pk}/failures/")


def test_an_editor_lets_values_be_kept_and_that_is_told_and_noted(
    client: Client, bob: User, endpoint: Endpoint, redis: Any, committing: Committing
) -> None:
    client.force_login(bob)
    with committing():
        answer = client.post(f"/endpoints/{endpoint.pk}/rules/", {"keep_values": "1"})
    assert answer.status_code == 302
    assert redis.hget(MONITORING, endpoint.route_field) == '{"keep_values": true}'
    assert AuditEvent.objects.get(action="endpoint.monitoring").details["keep_values"] is True
    assert "The reasons quote what callers sent" in client.get(endpoint.get_absolute_url()).content.decode()


def test_a_viewer_does_not(client: Client, vera: User, endpoint: Endpoint, redis: Any) -> None:
    client.force_login(vera)
    assert client.post(f"/endpoints/{endpoint.pk}/rules/", {"keep_values": "1"}).status_code == 403
    assert "Show values" not in client.get(endpoint.get_absolute_url()).content.decode()


def test_without_redis_the_page_says_so(page: Any, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from redis import Redis

    away = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr("modelyard.monitoring.traffic.redis", lambda: away)
    assert "Live figures cannot be read" in page(f"/endpoints/{endpoint.pk}/live/")
