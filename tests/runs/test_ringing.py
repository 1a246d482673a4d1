"""The doorbell: what was not heard is rung again, and the queue does not fill up with repetitions."""

from datetime import timedelta

import pytest
from django.utils import timezone

from modelyard import jobs
from modelyard.accounts.models import User
from modelyard.datasets.models import DatasetVersion
from modelyard.runs import services
from modelyard.runs.models import TrainingRun
from tests.runs.making import make_run

pytestmark = pytest.mark.django_db(transaction=True)


def age(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(rung_at=timezone.now() - timedelta(seconds=61))


def test_the_doorbell_is_set_so_that_no_run_is_lost_or_doubled() -> None:
    """Acknowledged late, a cut connection starts a run twice; cancelled on connection loss, it is lost (decision 2)."""
    said = jobs.sender().conf
    assert (said.task_acks_late, said.worker_cancel_long_running_tasks_on_connection_loss) == (False, False)
    assert (said.result_backend, said.task_ignore_result, said.worker_prefetch_multiplier) == (None, True, 1)
    assert (said.accept_content, said.task_serializer) == (["json"], "json")


def test_asking_rings_once(redis: object, version: DatasetVersion, alice: User) -> None:
    make_run(version, alice)
    assert jobs.count_waiting("train") == 1


def test_a_message_that_waits_is_not_repeated(redis: object, version: DatasetVersion, alice: User) -> None:
    age(make_run(version, alice))
    assert services.reconcile().rung == 0
    assert jobs.count_waiting("train") == 1


def test_a_lost_message_is_repeated_after_a_minute(redis: object, version: DatasetVersion, alice: User) -> None:
    run = make_run(version, alice)
    redis.flushdb()  # type: ignore[attr-defined]
    assert services.reconcile().rung == 0
    age(run)
    assert services.reconcile().rung == 1
    assert services.reconcile().rung == 0
    assert jobs.count_waiting("train") == 1


def test_two_reconcilers_ring_once(redis: object, version: DatasetVersion, alice: User) -> None:
    run = make_run(version, alice)
    redis.flushdb()  # type: ignore[attr-defined]
    age(run)
    assert services.reconcile().rung + services.reconcile().rung == 1


def test_a_run_is_accepted_while_the_broker_is_away(version: DatasetVersion, alice: User) -> None:
    run = make_run(version, alice)
    assert TrainingRun.objects.filter(pk=run.pk, state="queued").exists()
