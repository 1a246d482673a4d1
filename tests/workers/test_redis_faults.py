"""A Redis of the test's own is killed, comes back with what it held or with nothing, or stays away for a while."""

import shutil
import signal

import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.registry.models import ModelVersion
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import make_version
from tests.serving.own_redis import OwnRedis
from tests.workers.acting import FAST, LONG, ask, assert_books_balance, wait_for, wait_for_epoch
from tests.workers.installation import Installation, wait_until


@pytest.fixture
def installation(installation_with_own_redis: Installation) -> Installation:
    return installation_with_own_redis


@pytest.fixture
def version(installation: Installation, lab: Workspace, owner: User) -> DatasetVersion:
    return make_version(lab, owner)


def ring_again() -> None:
    """What the clock does when a message has not been heard for a minute."""
    TrainingRun.objects.filter(state=RunState.QUEUED).update(rung_at=None)
    wait_until(lambda: services.reconcile().rung or not TrainingRun.objects.filter(state=RunState.QUEUED).exists())


def finish(run: TrainingRun) -> None:
    assert wait_for(run, RunState.SUCCEEDED).attempt == 1
    assert ModelVersion.objects.filter(run=run).count() == 1


def test_a_redis_that_is_killed_and_comes_back_holds_nothing_up(
    installation: Installation, version: DatasetVersion, owner: User, own_redis: OwnRedis
) -> None:
    """REL-07: what trains goes on, what is asked for meanwhile is acknowledged, the same worker takes it up."""
    worker = installation.start_trainer()
    running = ask(version, owner, LONG)
    wait_for_epoch(running, 1)
    queued = ask(version, owner, FAST)
    own_redis.kill()
    meanwhile = ask(version, owner, FAST)
    own_redis.start()
    finish(running)
    ring_again()
    for run in (queued, meanwhile):
        finish(run)
    assert worker.poll() is None
    assert_books_balance(version.dataset.workspace)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0


def test_a_redis_that_lost_everything_loses_no_run(
    installation: Installation, version: DatasetVersion, owner: User, own_redis: OwnRedis
) -> None:
    """REL-08: an empty volume. The rows know what waits."""
    worker = installation.start_trainer()
    running = ask(version, owner, LONG)
    wait_for_epoch(running, 1)
    queued = [ask(version, owner, FAST) for _ in range(2)]
    own_redis.kill()
    shutil.rmtree(own_redis.folder / "appendonlydir")
    own_redis.start()
    finish(running)
    ring_again()
    for run in queued:
        finish(run)
    assert worker.poll() is None
    assert_books_balance(version.dataset.workspace)


def test_a_worker_that_starts_without_redis_waits_for_it(
    installation: Installation, version: DatasetVersion, owner: User, own_redis: OwnRedis
) -> None:
    """REL-09: it is not started again, it tries again."""
    own_redis.kill()
    run = ask(version, owner, FAST)
    worker = installation.start_trainer()
    installation.wait_for_log("trainer", "Cannot connect to redis")
    own_redis.start()
    ring_again()
    finish(run)
    assert worker.poll() is None
