"""The pages without JavaScript: a plain form brings the file, the pages tell how it stands."""

import html
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User, Workspace
from modelyard.batches import services
from modelyard.batches.models import BatchPrediction
from modelyard.endpoints import services as endpoints
from modelyard.leased_work import Failure
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.registry.models import ModelVersion
from tests.batches import making
from tests.serving.artifacts import write_regressor


@pytest.fixture
def page(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def words_of(answer: Any) -> str:
    return html.unescape(answer.content.decode())


def send(page: Client, version: ModelVersion, **more: str) -> Any:
    file = SimpleUploadedFile("people.csv", making.PEOPLE)
    return page.post(f"/batches/new/?version={version.pk}", {"file": file, **more})


def test_a_plain_form_brings_a_file(page: Client, version: ModelVersion) -> None:
    shown = words_of(page.get(f"/batches/new/?version={version.pk}"))
    assert "People, version 1" in shown
    assert ">city<" in shown
    answer = send(page, version, format="jsonl")
    batch = BatchPrediction.objects.get()
    assert answer.headers["Location"] == batch.get_absolute_url()
    assert (batch.wanted, batch.endpoint) == ("jsonl", "")
    assert "as soon as a worker is free" in words_of(page.get(batch.get_absolute_url()))


def test_intervals_are_offered_where_the_model_has_them(
    page: Client, version: ModelVersion, workspace: Workspace, alice: User
) -> None:
    assert "interval" not in words_of(page.get(f"/batches/new/?version={version.pk}"))
    prices = making.register_model(workspace, alice, write_regressor)
    shown = words_of(page.get(f"/batches/new/?version={prices.pk}"))
    assert "90 of 100 true values lie inside" in shown
    assert send(page, prices, interval="0.3").status_code == 422
    send(page, prices, interval="0.9")
    batch = BatchPrediction.objects.get()
    assert batch.interval == 0.9
    assert "90%" in words_of(page.get(batch.get_absolute_url()))


def test_an_endpoint_is_asked_by_its_largest_share(
    page: Client, version: ModelVersion, workspace: Workspace, alice: User
) -> None:
    making.register_model(workspace, alice)
    split = [{"version": 1, "percent": 30}, {"version": 2, "percent": 70}]
    endpoint = endpoints.publish(workspace, "people", version.model, split, by=alice)
    page.post(f"/batches/new/?endpoint={endpoint.pk}", {"file": SimpleUploadedFile("a.csv", making.PEOPLE)})
    batch = BatchPrediction.objects.get()
    assert (batch.endpoint, batch.version_number) == ("people", 2)


def test_a_form_without_a_file_and_a_spent_month_say_so(
    page: Client, version: ModelVersion, workspace: Workspace, operator: User
) -> None:
    empty = page.post(f"/batches/new/?version={version.pk}", {})
    assert empty.status_code == 422
    assert "Choose a file first" in words_of(empty)
    quotas.set_limit(workspace, PREDICTIONS.name, 0, by=operator)
    spent = send(page, version)
    assert spent.status_code == 422
    assert "Predictions a month: 1 needed, 0 of 0 left" in words_of(spent)


def test_addresses_without_a_model_are_not_found(page: Client) -> None:
    for query in ("", "?version=nonsense", f"?endpoint={making.SURVEY.rows}"):
        assert page.get(f"/batches/new/{query}").status_code == 404


def test_what_came_of_it_is_told(page: Client, batch: BatchPrediction) -> None:
    making.succeed(batch)
    shown = words_of(page.get(batch.get_absolute_url()))
    assert "Download the result" in shown
    assert "'age' is bad" in shown
    assert "data-live-end" in shown
    result = page.get(reverse("batches:result", args=[batch.pk]))
    assert b"".join(result.streaming_content) == b"id\n1\n"  # type: ignore[arg-type]
    listed = words_of(page.get("/batches/"))
    assert "3 of 3 rows" in listed
    assert "1 not answered" in listed
    assert "people.csv" not in words_of(page.get("/batches/?state=failed"))


def test_a_failure_is_told_with_what_to_do(page: Client, batch: BatchPrediction) -> None:
    services.settle_failed(making.claim(batch), Failure(code="x", message="It broke.", hint="Mend it."))
    shown = words_of(page.get(batch.get_absolute_url()))
    assert "It broke." in shown
    assert "Mend it." in shown
    assert "Bring the repaired file" in shown


def test_a_running_one_shows_rows_rate_and_time(page: Client, batch: BatchPrediction) -> None:
    held = making.claim(batch)
    services.admit(held, making.SURVEY)
    figures = {"step": 1, "fraction": 0.33, "eta_seconds": 4.0, "rate": 2.5, "failed": 1}
    BatchPrediction.objects.update(progress=figures, phase="predicting")
    shown = words_of(page.get(reverse("batches:state", args=[batch.pk])))
    assert "1 of 3 rows" in shown
    assert "about 4 s left" in shown
    assert "Predicting" in shown


def test_a_viewer_looks_and_changes_nothing(client: Client, batch: BatchPrediction, vera: User) -> None:
    client.force_login(vera)
    shown = words_of(client.get(batch.get_absolute_url()))
    assert reverse("batches:cancel", args=[batch.pk]) not in shown
    assert client.post(reverse("batches:cancel", args=[batch.pk])).status_code == 403
    assert client.get(f"/batches/new/?version={batch.version_id}").status_code == 403


def test_it_is_cancelled_and_deleted(page: Client, batch: BatchPrediction) -> None:
    page.post(reverse("batches:cancel", args=[batch.pk]))
    assert "nothing was charged" in words_of(page.get(batch.get_absolute_url()))
    page.post(reverse("batches:delete", args=[batch.pk]))
    assert not BatchPrediction.objects.exists()
