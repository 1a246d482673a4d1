"""Claiming, keeping, telling and giving back: every write is fenced."""

from datetime import timedelta

import pytest
from django.utils import timezone

from modelyard import leasing
from modelyard.contracts.progress import Progress
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun

pytestmark = pytest.mark.django_db


def claim(run: TrainingRun, worker: str = "w1") -> TrainingRun:
    claimed = services.claim_run(run.pk, worker)
    assert claimed is not None
    return claimed


def expire(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_run_is_claimed_once(run: TrainingRun) -> None:
    held = claim(run)
    assert (held.state, held.attempt, held.fence, held.lease_owner) == (RunState.RUNNING, 1, 1, "w1")
    assert held.lease_until is not None
    assert timedelta(seconds=80) < held.lease_until - timezone.now() < timedelta(seconds=91)
    assert services.claim_run(run.pk, "w2") is None


def test_a_beat_renews_the_lease(run: TrainingRun) -> None:
    held = claim(run)
    expire(held)
    assert services.beat(held)
    assert not TrainingRun.objects.expired().exists()


def test_an_expired_run_is_requeued_and_its_former_worker_can_write_nothing(run: TrainingRun) -> None:
    zombie = claim(run)
    expire(zombie)
    assert services.reconcile().requeued == 1
    held = claim(run, "w2")
    assert held.fence == 2
    assert not services.beat(zombie)
    assert not services.record_progress(zombie, Progress(event="epoch", epoch=1, metrics={"loss": 1.0}))
    assert not services.settle_succeeded(zombie, {}, services.Usage())
    assert not services.settle_failed(zombie, services.Failure(code="x", message="y"), services.Usage())
    assert not services.hand_back(zombie, charged=True)
    assert services.read_wishes(zombie) is None
    run.refresh_from_db()
    assert (run.state, run.fence, run.lease_owner) == (RunState.RUNNING, 2, "w2")
    assert not run.epochs.exists()


def test_a_live_lease_is_left_alone(run: TrainingRun) -> None:
    claim(run)
    assert services.reconcile().requeued == 0


def test_a_worker_that_is_heard_of_at_the_last_moment_keeps_its_run(run: TrainingRun) -> None:
    held = claim(run)
    expire(held)
    (seen,) = TrainingRun.objects.expired()
    assert services.beat(held)
    assert leasing.take_back(seen, services.Failure(code="x", message="y"), clear=lambda _: None) is None
    assert services.beat(held)


def test_progress_is_recorded(run: TrainingRun) -> None:
    held = claim(run)
    assert services.record_progress(
        held,
        Progress(event="phase", phase="training"),
        Progress(event="step", epoch=1, epochs=9, step=3, steps=10, fraction=0.1, eta_seconds=60.0),
        Progress(event="log", level="info", message="hello\x00"),
        Progress(event="device", device={"kind": "gpu", "name": "H200"}),
    )
    services.record_progress(held, Progress(event="epoch", epoch=1, epochs=9, metrics={"loss": 0.5}))
    run.refresh_from_db()
    assert (run.phase, run.progress["steps"], run.progress["epoch"]) == ("training", 10, 1)
    assert run.device["name"] == "H200"
    assert run.epochs.get().metrics == {"loss": 0.5}
    assert run.log.get().message == "hello"


def test_an_epoch_that_is_repeated_replaces_what_an_earlier_attempt_left(run: TrainingRun) -> None:
    held = claim(run)
    for number in (1, 2, 3, 4):
        services.record_progress(held, Progress(event="epoch", epoch=number, metrics={"loss": 1.0}))
    services.record_progress(held, Progress(event="epoch", epoch=3, metrics={"loss": 0.3}))
    found = list(run.epochs.order_by("number").values_list("number", "metrics"))
    assert found == [(1, {"loss": 1.0}), (2, {"loss": 1.0}), (3, {"loss": 0.3})]


def test_handing_back_in_good_order_is_no_attempt(run: TrainingRun) -> None:
    assert services.hand_back(claim(run), charged=False)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (RunState.QUEUED, 0)


def test_the_third_lost_worker_fails_the_run_and_nothing_is_charged(run: TrainingRun) -> None:
    for _ in range(3):
        expire(claim(run))
        repairs = services.reconcile()
    assert repairs.given_up == 1
    run.refresh_from_db()
    assert run.state == RunState.FAILED
    assert run.failure["code"] == "infra"
    assert services.claim_run(run.pk, "w4") is None
    assert_nothing_reserved(run)


def assert_nothing_reserved(run: TrainingRun) -> None:
    from modelyard.quotas import services as quotas

    assert {status.reserved for status in quotas.overview(run.workspace)} == {0}
    assert {status.used for status in quotas.overview(run.workspace)} == {0}
    assert quotas.audit() == []
