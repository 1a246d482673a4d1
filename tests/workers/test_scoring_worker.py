"""A real worker process, real child processes, a real Redis: every row is answered once, whatever is killed."""

import csv
import io
import os
import signal
from typing import Any

import psutil
import pytest

from modelyard import jobs
from modelyard.accounts.models import User, Workspace
from modelyard.batches import services
from modelyard.batches.models import BatchPrediction
from modelyard.batches.results import open_result
from modelyard.leased_work import WorkState
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.registry.models import ModelVersion
from tests import factories
from tests.batches import making
from tests.workers.installation import Installation, wait_until

MANY = 120_000


@pytest.fixture
def version(lab: Workspace, owner: User) -> ModelVersion:
    return making.register_model(lab, owner)


@pytest.fixture(autouse=True)
def no_others(installation: Installation) -> None:
    BatchPrediction.objects.all().delete()


def people(count: int) -> bytes:
    cities = ("Wien", "Berlin", "Paris", "Rom")
    rows = (f"{number},{number % 90 if number % 7 else 'old'},{cities[number % 4]}\n" for number in range(count))
    return ("id,age,city\n" + "".join(rows)).encode()


def start_scorer(installation: Installation, name: str = "scorer") -> "Any":
    return installation.start_worker("score", name, "-c", "1", app="workers.app")


def wait_for(batch: BatchPrediction, *states: WorkState) -> BatchPrediction:
    def reached() -> bool:
        batch.refresh_from_db()
        return batch.state in states

    wait_until(reached, f"{batch.pk} to be {states}, it is {batch.state}")
    return batch


def wait_for_rows(batch: BatchPrediction) -> None:
    def begun() -> bool:
        batch.refresh_from_db()
        return batch.phase == "predicting" and bool(batch.progress.get("step"))

    wait_until(begun, "the first rows to be answered")


def child_of(worker: Any) -> psutil.Process:
    def found() -> list[psutil.Process]:
        family = psutil.Process(worker.pid).children(recursive=True)
        return [one for one in family if "workers.scoring" in " ".join(one.cmdline())]

    return wait_until(found, "a child process")[0]


def result_of(batch: BatchPrediction) -> bytes:
    return b"".join(open_result(batch).streaming_content)  # type: ignore[arg-type]


def predictions(workspace: Workspace) -> tuple[int, int]:
    status = next(one for one in quotas.overview(workspace) if one.kind == PREDICTIONS.name)
    return status.used, status.reserved


def assert_all_answered(batch: BatchPrediction, rows: int) -> bytes:
    result = result_of(batch)
    cells = list(csv.DictReader(io.StringIO(result.decode())))
    assert [row["id"] for row in cells] == [str(number) for number in range(rows)]
    bad = sum(number % 7 == 0 for number in range(rows))
    assert sum(bool(row["prediction_error"]) for row in cells) == bad == batch.outcome.failed
    assert predictions(batch.workspace) == (rows - bad, 0)
    assert quotas.audit() == []
    return result


def test_a_file_is_answered(installation: Installation, version: ModelVersion, owner: User) -> None:
    start_scorer(installation)
    batch = wait_for(making.make_batch(version, owner, people(1000)), WorkState.SUCCEEDED)
    assert_all_answered(batch, 1000)
    assert batch.rows == 1000
    wait_until(lambda: not (batch.folder.exists() or batch.work_folder.exists()), "the file to be removed")


def test_a_refused_file_names_what_is_wrong_and_costs_nothing(
    installation: Installation, version: ModelVersion, owner: User
) -> None:
    start_scorer(installation)
    batch = wait_for(making.make_batch(version, owner, b"age,town\n41,Wien\n"), WorkState.FAILED)
    assert batch.failure["code"] == "missing_columns"
    assert "“city”" in batch.failure["message"]
    assert batch.holds is None
    assert predictions(batch.workspace) == (0, 0)


def test_a_file_of_more_rows_than_are_left_is_refused_before_the_first_one(
    installation: Installation, version: ModelVersion, owner: User, lab: Workspace
) -> None:
    quotas.set_limit(lab, PREDICTIONS.name, 999, by=factories.make_user(f"operator-{lab.pk}", is_staff=True))
    start_scorer(installation)
    batch = wait_for(making.make_batch(version, owner, people(1000)), WorkState.FAILED)
    assert batch.failure["code"] == "quota_exceeded"
    assert batch.progress.get("failed", 0) == 0
    assert predictions(lab) == (0, 0)


@pytest.mark.slow
def test_killed_half_way_the_result_is_the_same_byte_for_byte(
    installation: Installation, version: ModelVersion, owner: User
) -> None:
    first = start_scorer(installation, "first")
    unhurt = wait_for(making.make_batch(version, owner, people(MANY)), WorkState.SUCCEEDED)
    wanted = result_of(unhurt)
    charged = predictions(unhurt.workspace)[0]
    batch = making.make_batch(version, owner, people(MANY))
    wait_for_rows(batch)
    child = child_of(first)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child to die")
    start_scorer(installation, "second")
    installation.start_clock()
    wait_for(batch, WorkState.SUCCEEDED)
    assert batch.attempt == 2
    assert result_of(batch) == wanted
    assert predictions(batch.workspace) == (2 * charged, 0)
    assert quotas.audit() == []


@pytest.mark.slow
def test_a_killed_child_is_started_again_where_it_was(
    installation: Installation, version: ModelVersion, owner: User
) -> None:
    worker = start_scorer(installation)
    batch = making.make_batch(version, owner, people(MANY))
    wait_for_rows(batch)
    child_of(worker).kill()
    wait_for(batch, WorkState.SUCCEEDED)
    assert batch.attempt == 2
    assert_all_answered(batch, MANY)


@pytest.mark.slow
def test_it_is_cancelled_half_way_and_costs_nothing(
    installation: Installation, version: ModelVersion, owner: User
) -> None:
    start_scorer(installation)
    batch = making.make_batch(version, owner, people(MANY))
    wait_for_rows(batch)
    services.cancel_batch(batch, by=owner)
    wait_for(batch, WorkState.CANCELLED)
    assert predictions(batch.workspace) == (0, 0)
    wait_until(lambda: not batch.result_folder.exists(), "the result to be removed")


@pytest.mark.slow
def test_a_worker_that_is_asked_to_stop_hands_it_back(
    installation: Installation, version: ModelVersion, owner: User
) -> None:
    first = start_scorer(installation, "first")
    batch = making.make_batch(version, owner, people(MANY))
    wait_for_rows(batch)
    first.send_signal(signal.SIGTERM)
    first.wait(60)
    start_scorer(installation, "second")
    wait_for(batch, WorkState.SUCCEEDED)
    assert batch.attempt == 1
    assert_all_answered(batch, MANY)


def test_two_messages_and_two_workers_answer_once(
    installation: Installation, version: ModelVersion, owner: User
) -> None:
    batch = making.make_batch(version, owner, people(2000))
    for _again in range(3):
        jobs.ring("score", str(batch.pk))
    for name in ("first", "second"):
        start_scorer(installation, name)
    wait_for(batch, WorkState.SUCCEEDED)
    assert (batch.attempt, batch.fence) == (1, 1)
    assert_all_answered(batch, 2000)
