"""`/metrics` of the platform is what Prometheus reads, for whoever may read it."""

import dataclasses
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from modelyard.endpoints.models import Endpoint
from modelyard.exposition import Figure, Metric, histogram, may_read, write_exposition
from tests.monitoring.telling import Predictors

TOKEN = "a token of sixteen or more"


def read(text: str) -> dict[str, list[Any]]:
    return {family.name: family.samples for family in text_string_to_metric_families(text)}


@pytest.mark.django_db
def test_the_platform_tells_what_it_has_to_do(client: Client, endpoint: Endpoint, predictors: Predictors) -> None:
    predictors.call()
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    figures = read(answer.content.decode())
    assert {sample.labels["state"]: sample.value for sample in figures["modelyard_endpoints"]}["unreachable"] == 1
    assert sum(sample.value for sample in figures["modelyard_runs"]) == 1
    assert {sample.labels["stream"]: sample.value for sample in figures["modelyard_unfolded_entries"]}[
        "observations"
    ] == 1
    assert figures["modelyard_redis_up"][0].value == 1


@pytest.mark.django_db
def test_a_caller_through_a_proxy_or_from_elsewhere_is_refused(client: Client, redis: Any) -> None:
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.0.0.1"}).status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 403


@pytest.mark.django_db
def test_with_a_token_only_the_token_counts(client: Client, redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENVIRONMENT", dataclasses.replace(settings.ENVIRONMENT, metrics_token=TOKEN))
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    allowed = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="10.0.0.1")
    assert allowed.status_code == 200


@pytest.mark.parametrize(
    ("peer", "headers", "allowed"),
    [
        ("127.0.0.1", [], True),
        ("::1", ["host"], True),
        ("127.0.0.1", ["forwarded"], False),
        ("192.168.1.7", [], False),
        ("", [], False),
        ("no address", [], False),
    ],
)
def test_without_a_token_only_this_machine_reads(peer: str, headers: list[str], allowed: bool) -> None:
    assert may_read("", authorization="", peer=peer, headers=headers) is allowed


def test_any_label_can_be_told() -> None:
    metric = Metric(name="m", kind="gauge", help="It has a backslash \\\\ in it.")
    text = write_exposition([metric], [Figure(metric="m", labels={"name": 'a "b" \\ c\nd'}, value=1.5)])
    (sample,) = read(text)["m"]
    assert sample.labels == {"name": 'a "b" \\ c\nd'}
    assert sample.value == 1.5


def test_a_histogram_adds_up() -> None:
    metric = Metric(name="h", kind="histogram", help="Help.")
    text = write_exposition([metric], histogram("h", {}, (0.1, 0.5), (1, 2, 3)))
    assert [(sample.labels.get("le"), sample.value) for sample in read(text)["h"]] == [
        ("0.1", 1),
        ("0.5", 3),
        ("+Inf", 6),
        (None, 6),
    ]
