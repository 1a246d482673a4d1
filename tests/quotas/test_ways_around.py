"""QTA-03: ways in which somebody might get more than the limit allows, or get the books out of balance."""

import json
from typing import Any

import pytest
from django.test import Client

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.quotas import services
from modelyard.runs import services as runs
from modelyard.runs.models import TrainingRun
from tests.datasets.test_tus import BYTES, TUS, create, patch
from tests.quotas.books import assert_balanced, status
from tests.runs.making import make_version

SIZE = len(BYTES)
STORAGE, SLOTS, SECONDS = "storage_bytes", "concurrent_runs", "training_seconds"


def caller(workspace: Workspace, person: User) -> Client:
    _, text = create_key("K", workspace=workspace, user=person, scopes=["write"])
    return Client(headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def api(workspace: Workspace, alice: User) -> Client:
    return caller(workspace, alice)


@pytest.fixture
def version(workspace: Workspace, alice: User) -> DatasetVersion:
    return make_version(workspace, alice)


def ask_for_run(api: Client, version: DatasetVersion, budget: object = 1) -> Any:
    body = {"dataset_version": str(version.pk), "model_template": "tabular_classifier", "target": "species"}
    content = json.dumps({**body, "hyperparameters": {"max_minutes": budget}})
    return api.post("/api/v1/runs", content, "application/json")


def test_two_keys_and_two_people_share_one_limit(workspace: Workspace, alice: User, bob: User, operator: User) -> None:
    services.set_limit(workspace, STORAGE, SIZE + 1, by=operator)
    askers = [caller(workspace, person) for person in (alice, alice, bob)]
    assert [create(asker).status_code for asker in askers] == [201, 429, 429]


def test_what_was_begun_is_finished_after_the_limit_was_lowered_and_nothing_new_begins(
    api: Client, workspace: Workspace, operator: User
) -> None:
    address = create(api).headers["Location"]
    patch(api, address, BYTES[:5], 0)
    services.set_limit(workspace, STORAGE, 1, by=operator)
    assert patch(api, address, BYTES[5:], 5).status_code == 204
    upload = address.rpartition("/")[2]
    assert api.post("/api/v1/datasets", {"name": "A", "upload": upload}, "application/json").status_code == 201
    assert create(api, 1).status_code == 429
    assert (status(workspace, STORAGE).used, status(workspace, STORAGE).reserved) == (SIZE, 0)
    assert_balanced()


def test_what_is_deleted_on_its_way_is_given_back_once(api: Client, workspace: Workspace) -> None:
    first, second = (create(api).headers["Location"] for _ in range(2))
    patch(api, first, BYTES[:5], 0)
    assert [api.delete(first, headers=TUS).status_code for _ in range(3)] == [204, 404, 404]
    assert patch(api, first, BYTES[5:], 5).status_code == 404
    assert status(workspace, STORAGE).taken == SIZE
    assert patch(api, second, BYTES, 0).status_code == 204
    assert_balanced()


def test_two_pages_that_finish_the_same_upload_store_it_once(api: Client, workspace: Workspace) -> None:
    address = create(api).headers["Location"]
    patch(api, address, BYTES, 0)
    body = {"upload": address.rpartition("/")[2]}
    answers = [api.post("/api/v1/datasets", {**body, "name": name}, "application/json") for name in "AB"]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert (status(workspace, STORAGE).used, status(workspace, STORAGE).reserved) == (SIZE, 0)
    assert_balanced()


def test_the_same_run_asked_for_again_takes_its_own_slot_and_seconds(
    api: Client, workspace: Workspace, version: DatasetVersion, operator: User
) -> None:
    services.set_limit(workspace, SLOTS, 1, by=operator)
    first = ask_for_run(api, version)
    assert (first.status_code, ask_for_run(api, version).status_code) == (201, 429)
    seconds = status(workspace, SECONDS).reserved
    for _ in range(2):
        assert api.post(f"/api/v1/runs/{first.json()['id']}/cancel").status_code in (200, 409)
    assert (status(workspace, SLOTS).taken, status(workspace, SECONDS).taken) == (0, 0)
    assert ask_for_run(api, version).status_code == 201
    assert status(workspace, SECONDS).reserved == seconds
    assert_balanced()


@pytest.mark.parametrize("budget", [-1, 0, 1e30, 10**400, "NaN", "1e9", "60 s", [1], {"minutes": 1}, True])
def test_an_impossible_budget_takes_nothing(
    api: Client, workspace: Workspace, version: DatasetVersion, budget: object
) -> None:
    answer = ask_for_run(api, version, budget)
    assert answer.status_code in (400, 422), answer.content
    assert not TrainingRun.objects.exists()
    assert (status(workspace, SLOTS).taken, status(workspace, SECONDS).taken) == (0, 0)


def test_a_budget_is_not_changed_after_it_was_reserved(
    api: Client, workspace: Workspace, version: DatasetVersion
) -> None:
    run = TrainingRun.objects.get(pk=ask_for_run(api, version).json()["id"])
    for method in ("put", "patch", "post"):
        changed = getattr(api, method)(f"/api/v1/runs/{run.pk}", {"max_minutes": 600}, "application/json")
        assert changed.status_code == 405
    assert status(workspace, SECONDS).reserved == run.max_seconds


def test_a_worker_that_uses_more_than_was_reserved_does_not_overdraw_the_books(
    api: Client, workspace: Workspace, version: DatasetVersion
) -> None:
    held = runs.claim_run(ask_for_run(api, version).json()["id"], "w1")
    assert held is not None
    used = runs.Usage(wall_seconds=held.max_seconds * 1000)
    assert runs.settle_failed(held, runs.Failure(code="x", message="y"), used)
    assert not runs.settle_failed(held, runs.Failure(code="x", message="y"), used)
    assert (status(workspace, SECONDS).used, status(workspace, SLOTS).taken) == (held.max_seconds, 0)
    assert_balanced()
