"""A real worker process, real child processes, a real Redis: runs come to one end, whatever is killed."""

import os
import signal
import time
import uuid
from pathlib import Path

import psutil
import pytest

from modelyard import jobs, storage
from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.quotas import services as quotas
from modelyard.registry.models import ModelVersion
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun, Worker
from tests.runs.making import make_run, make_version
from tests.workers.acting import (
    FAST,
    LONG,
    SLOW,
    ask,
    assert_books_balance,
    assert_ended_well,
    child_of,
    wait_for,
    wait_for_epoch,
)
from tests.workers.installation import Installation, wait_until


@pytest.fixture
def version(lab: Workspace, owner: User) -> DatasetVersion:
    return make_version(lab, owner)


def test_it_trains_and_registers_a_model(installation: Installation, version: DatasetVersion, owner: User) -> None:
    installation.start_trainer()
    run = wait_for(ask(version, owner, FAST), RunState.SUCCEEDED)
    model = ModelVersion.objects.get(run=run)
    assert (storage.artifact_folder(model.pk) / "manifest.json").is_file()
    assert [epoch.number for epoch in run.epochs.order_by("number")] == [1, 2, 3]
    assert run.metrics["test"] == {"accuracy": 0.8}
    assert run.usage["cpu_seconds"] > 0
    assert run.usage["peak_memory_bytes"] > 1_000_000
    assert run.device["kind"] == "cpu"
    wait_until(lambda: not run.folder.exists(), "the folder to be removed")
    assert_books_balance(run.workspace)
    assert quotas.overview(run.workspace)[1].used >= 1


def test_a_failure_of_training_is_told_with_its_hint(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    run = wait_for(ask(version, owner, {**FAST, "epochs": 13}), RunState.FAILED)
    assert run.failure == {
        "code": "not_finite",
        "message": "The loss became infinite.",
        "hint": "Lower the learning rate.",
    }
    assert_books_balance(run.workspace)


def test_a_killed_child_is_started_again_from_its_checkpoint(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    worker = installation.start_trainer()
    run = ask(version, owner, LONG)
    wait_for_epoch(run, 2)
    child_of(worker).kill()
    wait_for(run, RunState.SUCCEEDED)
    assert run.attempt == 2
    assert not run.log.filter(message="begins after epoch 0").count() > 1
    assert [epoch.number for epoch in run.epochs.order_by("number")] == list(range(1, 9))
    assert ModelVersion.objects.filter(run=run).count() == 1
    assert_books_balance(run.workspace)


def test_a_killed_worker_takes_its_child_along_and_another_goes_on(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    worker = installation.start_trainer("first")
    run = ask(version, owner, LONG)
    wait_for_epoch(run, 2)
    child = child_of(worker)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child to die")
    installation.start_trainer("second")
    wait_until(lambda: services.reconcile().requeued, "the lease to expire")
    wait_for(run, RunState.SUCCEEDED)
    assert (run.attempt, run.fence) == (2, 2)
    assert run.log.filter(message__startswith="begins after epoch").exclude(message__endswith=" 0").exists()
    assert_books_balance(run.workspace)


def test_a_frozen_worker_finds_its_run_taken(installation: Installation, version: DatasetVersion, owner: User) -> None:
    """Its child has trained on unheard; the successor says those epochs again."""
    frozen = installation.start_trainer("frozen")
    run = ask(version, owner, LONG | {"epochs": 10})
    wait_for_epoch(run, 1)
    frozen.send_signal(signal.SIGSTOP)
    wait_until(lambda: services.reconcile().requeued, "the lease to expire")
    installation.start_trainer("other")
    wait_until(lambda: TrainingRun.objects.get(pk=run.pk).fence == 2, "the other to claim it")
    frozen.send_signal(signal.SIGCONT)
    wait_for(run, RunState.SUCCEEDED)
    installation.wait_for_log("frozen", "no longer this worker's")
    assert run.fence == 2
    assert_ended_well(run, attempts=2)


def test_a_worker_that_is_stopped_hands_its_run_back_without_charge(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    worker = installation.start_trainer("first")
    run = ask(version, owner, LONG)
    wait_for_epoch(run, 2)
    worker.send_signal(signal.SIGTERM)
    wait_for(run, RunState.QUEUED)
    assert run.attempt == 0
    assert worker.wait(60) == 0
    wait_until(lambda: not Worker.objects.filter(name__startswith="first@").exists(), "the worker to sign off")
    installation.start_trainer("second")
    wait_for(run, RunState.SUCCEEDED)
    assert run.attempt == 1
    assert run.epochs.count() == 8


def test_cancelling_stops_the_child_and_settles_the_books(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    worker = installation.start_trainer()
    run = ask(version, owner, SLOW)
    wait_for_epoch(run, 1)
    child = child_of(worker)
    services.cancel_run(run, by=owner)
    wait_for(run, RunState.CANCELLED)
    assert not child.is_running()
    wait_until(lambda: not run.folder.exists(), "the folder to be removed")
    assert not ModelVersion.objects.filter(run=run).exists()
    assert_books_balance(run.workspace)


def test_finishing_early_keeps_the_best_so_far(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    run = ask(version, owner, SLOW)
    wait_for_epoch(run, 2)
    services.finish_run(run, by=owner)
    wait_for(run, RunState.SUCCEEDED)
    assert 2 <= run.epochs.count() < 30
    assert ModelVersion.objects.filter(run=run).exists()


def test_too_little_memory_is_met_with_smaller_batches(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    run = wait_for(ask(version, owner, {**FAST, "epochs": 14}), RunState.SUCCEEDED)
    said = list(run.log.order_by("pk").values_list("message", flat=True))
    assert [words for words in said if words.startswith("batches")] == [
        "batches are divided by 1",
        "batches are divided by 2",
    ]
    assert any("half the size" in words for words in said)
    assert run.attempt == 1
    assert_books_balance(run.workspace)


def test_smaller_batches_are_not_tried_where_nobody_wants_them(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    asked = make_run(version, owner, hyperparameters={**FAST, "epochs": 14}, options={"halve_batches": False})
    run = wait_for(asked, RunState.FAILED)
    assert run.failure["code"] == "out_of_memory"
    assert "batch size" in run.failure["hint"]


def test_a_trainer_that_forgets_the_time_is_ended_and_its_best_is_kept(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    run = wait_for(ask(version, owner, {**FAST, "epochs": 15, "max_minutes": 0.1}), RunState.SUCCEEDED)
    assert run.epochs.count() == 2
    assert run.log.filter(message__contains="did not stop by itself").exists()
    assert ModelVersion.objects.filter(run=run).exists()
    assert_books_balance(run.workspace)


def test_messages_sent_many_times_to_two_workers_start_each_run_once(
    installation: Installation, version: DatasetVersion, owner: User, operator_limit: None
) -> None:
    runs = [ask(version, owner, {"epochs": 1, "learning_rate": 0.0001}) for _ in range(12)]
    for _ in range(5):
        for run in runs:
            assert jobs.ring("train", str(run.pk))
    installation.start_trainer("first")
    installation.start_trainer("second")
    for run in runs:
        wait_for(run, RunState.SUCCEEDED)
    wait_until(lambda: jobs.count_waiting("train") == 0, "the queue to be empty")
    assert {(run.attempt, run.fence) for run in runs} == {(1, 1)}
    assert ModelVersion.objects.filter(run__in=runs).count() == 12
    assert_books_balance(version.dataset.workspace)


def test_messages_that_mean_nothing_leave_the_worker_well(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    installation.wait_for_log("trainer", "ready")
    for forged in ("nonsense", "", str(uuid.uuid4()), "'; DROP TABLE", 7, None, {"a": 1}, ["x"]):
        jobs.sender().send_task("train", args=[forged], queue="train")
    jobs.sender().send_task("os.system", args=["touch /tmp/modelyard-forged"], queue="train")
    jobs.sender().send_task("train", args=[], queue="train")
    run = wait_for(ask(version, owner, FAST), RunState.SUCCEEDED)
    assert run.attempt == 1
    assert not Path("/tmp/modelyard-forged").exists()


def test_runs_are_rung_again_after_redis_lost_everything(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    run = ask(version, owner, FAST)
    installation.redis.flushdb()
    installation.start_trainer()
    installation.wait_for_log("trainer", "ready")
    time.sleep(1)
    assert TrainingRun.objects.get(pk=run.pk).state == RunState.QUEUED
    TrainingRun.objects.filter(pk=run.pk).update(rung_at=None)
    assert services.reconcile().rung == 1
    wait_for(run, RunState.SUCCEEDED)


def test_a_worker_reports_its_device_and_its_run(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    installation.start_trainer()
    run = ask(version, owner, SLOW)
    worker = wait_until(lambda: Worker.objects.filter(run=run).first(), "the worker to report its run")
    assert worker.queues == ["train"]
    assert worker.device["kind"] == "cpu"
    assert worker.device["memory_bytes"] > 0


@pytest.fixture
def operator_limit(lab: Workspace) -> None:
    from tests.factories import make_user

    boss = make_user(f"boss-{uuid.uuid4().hex[:8]}", is_staff=True)
    quotas.set_limit(lab, "concurrent_runs", 50, by=boss)
