"""Runs and model templates in the platform API, as the contract has them."""

from typing import Any

import pytest
from django.test import Client

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.progress import Progress
from modelyard.datasets.models import DatasetVersion
from modelyard.quotas import services as quotas
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import make_version, pictures, unknown_id
from tests.runs.test_holding import claim

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/runs"


@pytest.fixture
def caller(client: Client, alice: User, workspace: Workspace) -> Client:
    client.force_login(alice)
    return client


def send(client: Client, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(path, body or {}, content_type="application/json", headers=headers)


def wanted(version: DatasetVersion, **changes: Any) -> dict[str, Any]:
    return {
        "dataset_version": str(version.pk),
        "model_template": "tabular_classifier",
        "target": "species",
        "hyperparameters": {"epochs": 5},
        **changes,
    }


def test_a_run_is_asked_for(caller: Client, version: DatasetVersion) -> None:
    answer = send(caller, RUNS, wanted(version, name="irises"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["state"], body["queue_position"], body["name"]) == ("queued", 1, "irises")
    assert body["progress"] == dict.fromkeys(("epoch", "epochs", "step", "steps", "fraction", "eta_seconds"))
    assert body["metrics"] == {"train": {}, "validation": {}, "test": {}}
    assert (body["model"], body["failure"]) == (None, None)
    assert body["usage"] == {"cpu_seconds": 0, "gpu_seconds": 0, "peak_memory_bytes": 0, "wall_seconds": 0}


def test_a_repeat_with_the_same_idempotency_key_is_the_same_run(caller: Client, version: DatasetVersion) -> None:
    first, second = (send(caller, RUNS, wanted(version), **{"Idempotency-Key": "k1"}) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    assert TrainingRun.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"target": None}, "target"),
        ({"target": "nothing"}, "target"),
        ({"hyperparameters": {"learning_rate": "NaN"}}, "hyperparameters.learning_rate"),
        ({"hyperparameters": {"batch_size": 0}}, "hyperparameters.batch_size"),
        ({"hyperparameters": {"epochs": 10**9}}, "hyperparameters.epochs"),
        ({"model_template": "gpt"}, "model_template"),
        ({"options": {"test_share": 2}}, "options.test_share"),
        ({"dataset_version": unknown_id()}, "dataset_version"),
    ],
)
def test_what_does_not_fit_is_a_422_naming_the_parameter(
    caller: Client, version: DatasetVersion, changes: dict[str, Any], param: str
) -> None:
    answer = send(caller, RUNS, wanted(version, **changes))
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize(
    "body", [{}, {"dataset_version": "x"}, {"hyperparameters": []}, {"hyperparameters": "x"}, {"options": 1}, []]
)
def test_a_body_of_another_shape_is_refused(caller: Client, version: DatasetVersion, body: Any) -> None:
    sent = {**wanted(version), **body} if body else body
    answer = send(caller, RUNS, sent)
    assert answer.status_code in (400, 422)
    assert not TrainingRun.objects.exists()


def test_a_bare_nan_is_no_json(caller: Client, version: DatasetVersion) -> None:
    text = '{"dataset_version": "%s", "model_template": "tabular_classifier", "hyperparameters": {"epochs": NaN}}'
    answer = caller.post(RUNS, text % version.pk, content_type="application/json")
    assert answer.status_code == 400


def test_a_spent_quota_is_a_429(caller: Client, version: DatasetVersion, operator: User) -> None:
    quotas.set_limit(version.dataset.workspace, "concurrent_runs", 0, by=operator)
    answer = send(caller, RUNS, wanted(version))
    assert answer.status_code == 429
    assert answer.json()["error"]["param"] == "concurrent_runs"
    assert answer.headers["Retry-After"]


def test_progress_epochs_and_log_are_shown(caller: Client, run: TrainingRun) -> None:
    held = claim(run)
    for number in (1, 2):
        services.record_progress(
            held, Progress(event="epoch", epoch=number, epochs=4, fraction=number / 4, metrics={"loss": 1 / number})
        )
    services.record_progress(held, Progress(event="log", level="info", message="hello"))
    shown = caller.get(f"{RUNS}/{run.pk}").json()
    assert (shown["state"], shown["queue_position"]) == ("running", None)
    assert (shown["progress"]["epoch"], shown["progress"]["fraction"]) == (2, 0.5)
    epochs = caller.get(f"{RUNS}/{run.pk}/epochs").json()["results"]
    assert epochs == [{"epoch": 1, "metrics": {"loss": 1.0}}, {"epoch": 2, "metrics": {"loss": 0.5}}]
    assert [line["message"] for line in caller.get(f"{RUNS}/{run.pk}/log").json()["results"]] == ["hello"]


def test_a_failure_is_told(caller: Client, run: TrainingRun) -> None:
    failure = services.Failure(code="not_finite", message="The loss became infinite.", hint="Lower the learning rate.")
    services.settle_failed(claim(run), failure, services.Usage(wall_seconds=2))
    shown = caller.get(f"{RUNS}/{run.pk}").json()
    assert shown["failure"] == failure.to_json()
    assert shown["usage"]["wall_seconds"] == 2


def test_runs_are_listed_newest_first(caller: Client, version: DatasetVersion) -> None:
    names = ["a", "b", "c"]
    for name in names:
        send(caller, RUNS, wanted(version, name=name))
    assert [run["name"] for run in caller.get(RUNS).json()["results"]] == names[::-1]


def test_a_run_is_cancelled(caller: Client, run: TrainingRun) -> None:
    answer = send(caller, f"{RUNS}/{run.pk}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert send(caller, f"{RUNS}/{run.pk}/finish").status_code == 409


def test_a_running_one_is_finished_early(caller: Client, run: TrainingRun) -> None:
    assert send(caller, f"{RUNS}/{run.pk}/finish").status_code == 409
    claim(run)
    assert send(caller, f"{RUNS}/{run.pk}/finish").status_code == 200
    run.refresh_from_db()
    assert run.finish_requested


def test_an_outsider_sees_nothing(client: Client, charlie: User, run: TrainingRun, version: DatasetVersion) -> None:
    client.force_login(charlie)
    assert client.get(RUNS).json()["results"] == []
    for path in ("", "/epochs", "/log"):
        assert client.get(f"{RUNS}/{run.pk}{path}").status_code == 404
    for act in ("cancel", "finish"):
        assert send(client, f"{RUNS}/{run.pk}/{act}").status_code == 404
    assert send(client, RUNS, wanted(version)).status_code == 422
    run.refresh_from_db()
    assert run.state == RunState.QUEUED


def test_a_viewer_looks_and_does_not_touch(
    client: Client, vera: User, run: TrainingRun, version: DatasetVersion
) -> None:
    client.force_login(vera)
    assert client.get(f"{RUNS}/{run.pk}").status_code == 200
    assert send(client, RUNS, wanted(version)).status_code == 403
    assert send(client, f"{RUNS}/{run.pk}/cancel").status_code == 403


def test_a_visitor_is_asked_to_sign_in(client: Client, run: TrainingRun) -> None:
    assert client.get(f"{RUNS}/{run.pk}").status_code in (401, 403)


def test_model_templates_are_listed_with_their_settings(caller: Client) -> None:
    listed = {one["slug"]: one for one in caller.get("/api/v1/model-templates").json()}
    epochs = listed["dense_network"]["hyperparameters"]["properties"]["epochs"]
    assert (epochs["type"], epochs["minimum"]) == ("integer", 1)
    assert listed["dense_network"]["fits"] is None


def test_templates_that_fit_the_data_come_first(caller: Client, version: DatasetVersion, alice: User) -> None:
    listed = caller.get("/api/v1/model-templates", {"dataset_version": str(version.pk)}).json()
    fits = [one["fits"] for one in listed]
    assert fits == sorted(fits, reverse=True)
    assert set(fits) == {True, False}
    images = make_version(version.dataset.workspace, alice, pictures(), "Pictures")
    listed = caller.get("/api/v1/model-templates", {"dataset_version": str(images.pk)}).json()
    assert {one["slug"] for one in listed if one["fits"]} == {"dense_network", "image_classifier", "image_transfer"}


@pytest.mark.parametrize("named", ["x", unknown_id()])
def test_templates_for_a_version_that_is_not_there_are_refused(caller: Client, named: str) -> None:
    assert caller.get("/api/v1/model-templates", {"dataset_version": named}).status_code == 422
