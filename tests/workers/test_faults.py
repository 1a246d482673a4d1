"""More faults of real workers: memory without end, wrong clocks, a database that is away, rubbish, races to cancel."""

import json
import os
import pickle
import signal
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from modelyard import jobs
from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import Conflict
from modelyard.registry.models import ModelVersion
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import make_run, make_version
from tests.workers.acting import (
    FAST,
    LONG,
    SLOW,
    ask,
    assert_books_balance,
    assert_ended_well,
    wait_for,
    wait_for_checkpoint,
    wait_for_epoch,
)
from tests.workers.installation import Installation, wait_until

HOUR = 3600


@pytest.fixture
def version(lab: Workspace, owner: User) -> DatasetVersion:
    return make_version(lab, owner)


def test_a_child_that_takes_memory_without_end_is_ended_once_and_told(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    """REL-05: no loop of attempts, and the reason is told apart from a crash."""
    installation.environment["MODELYARD_TRAIN_MEMORY_BYTES"] = "400000000"
    installation.start_trainer()
    asked = make_run(version, owner, hyperparameters={**FAST, "epochs": 16}, options={"halve_batches": False})
    run = wait_for(asked, RunState.FAILED)
    assert run.failure["code"] == "out_of_memory"
    assert (run.attempt, run.fence) == (1, 1)
    assert_books_balance(run.workspace)


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_workers_with_wrong_clocks_neither_steal_nor_lose_a_run(
    installation: Installation, version: DatasetVersion, owner: User, ahead: int
) -> None:
    """REL-16: leases are by the clock of the database, whatever trainer and reconciler think that the time is."""
    first = installation.start_trainer("right")
    run = ask(version, owner, LONG)
    wait_for_epoch(run, 1)
    installation.environment["MODELYARD_TEST_CLOCK"] = str(ahead)
    wrong = "tests.workers.wrong_clock_app"
    installation.start_worker("train", "wrong", "-c", "1", app=wrong)
    installation.start("clock", wrong, "beat", "-s", str(installation.folder / "schedule"))
    assert jobs.ring("train", str(run.pk))
    assert_ended_well(run, attempts=1)
    first.send_signal(signal.SIGTERM)
    first.wait(60)
    own = ask(version, owner, LONG | {"epochs": 3})
    assert_ended_well(own, attempts=1)
    assert (run.fence, own.fence) == (1, 1)


def test_a_locked_database_is_waited_for_longer_than_a_lease(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    """REL-12: training goes on, nobody can take the run meanwhile, and what was said is written down afterwards."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite locks a whole database")
    worker = installation.start_trainer()
    run = ask(version, owner, {"epochs": 14, "learning_rate": 0.06})
    wait_for_epoch(run, 1)
    locking = sqlite3.connect(installation.url.removeprefix("sqlite:///"), isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    wait_for_checkpoint(run, 11)
    locking.execute("ROLLBACK")
    locking.close()
    assert_ended_well(run, attempts=1)
    assert worker.poll() is None


@contextmanager
def shut_out(url: str) -> Iterator[None]:
    """Nobody gets into the PostgreSQL database at `url`, and whoever is in is thrown out."""
    server, _slash, name = url.rpartition("/")
    connection.close()
    with psycopg.connect(f"{server}/postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_database_that_is_away_ends_no_worker_and_doubles_no_run(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    """REL-13: the worker gives the run up before its lease is over; afterwards it goes on from its checkpoint."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is never away")
    worker = installation.start_trainer()
    run = ask(version, owner, LONG | {"epochs": 12})
    wait_for_epoch(run, 1)
    with shut_out(installation.url):
        installation.wait_for_log("trainer", "no longer this worker's")
    wait_until(lambda: services.reconcile().requeued, "the lease to expire")
    TrainingRun.objects.filter(pk=run.pk).update(rung_at=None)
    services.reconcile()
    assert_ended_well(run, attempts=2)
    assert run.log.filter(message__startswith="begins after epoch").exclude(message__endswith=" 0").exists()
    assert worker.poll() is None


RUBBISH = [
    b"",
    b"\x00\xff\xfe",
    b"not json",
    b"[]",
    b"7",
    b"null",
    b"{}",
    b'{"body": "x", "properties": {}}',
    b'{"body": "x", "properties": {"delivery_tag": "1", "body_encoding": "rot13"}, "headers": {}}',
    b'{"body": "%%%", "properties": {"delivery_tag": "1", "body_encoding": "base64"}, "headers": {}}',
    b"[" * 100_000,
    b'{"body": "' + b"x" * 5_000_000 + b'"}',
    pickle.dumps(os.getcwd),
]


def forge(body: object, **changes: object) -> bytes:
    """A well-formed message with something in it that nobody sends."""
    headers = {"lang": "py", "task": "train", "id": "1", "root_id": "1", "argsrepr": "", **changes}
    properties = {
        "correlation_id": "1",
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": "train"},
        "delivery_tag": str(uuid.uuid4()),
    }
    kind = str(changes.get("kind", "application/json"))
    message = {"body": json.dumps(body), "content-encoding": "utf-8", "content-type": kind, "headers": headers}
    return json.dumps({**message, "properties": properties}).encode()


def test_rubbish_among_the_messages_is_thrown_away(
    installation: Installation, version: DatasetVersion, owner: User
) -> None:
    """REL-17: whatever lies in the list, nothing of it is executed and the same process goes on."""
    worker = installation.start_trainer()
    installation.wait_for_log("trainer", "ready")
    queue = jobs.KEY_PREFIX + jobs.QUEUES["train"]
    forged = [
        forge("no list"),
        forge([["x"] * 1000, {}, {}]),
        forge([[], {"unknown": 1}, {}]),
        forge([["x"], {}, {}], task="os.system"),
        forge([["x"], {}, {}], task="workers.tasks.reconcile"),
        forge([["x"], {}, {}], kind="application/x-python-serialize"),
        forge([["x"], {}, {}], eta="never", expires="7"),
    ]
    for message in [*RUBBISH, *forged]:
        installation.redis.lpush(queue, message)
    assert_ended_well(ask(version, owner, FAST), attempts=1)
    wait_until(lambda: installation.redis.llen(queue) == 0, "everything to be taken")
    assert_ended_well(ask(version, owner, FAST), attempts=1)
    assert worker.poll() is None


def test_a_run_can_be_cancelled_at_any_moment(installation: Installation, version: DatasetVersion, owner: User) -> None:
    """REL-19: while nobody works, at the claim, twice while it trains, after its worker died, after its end."""

    def cancel(run: TrainingRun) -> None:
        services.cancel_run(TrainingRun.objects.get(pk=run.pk), by=owner)

    waiting = ask(version, owner, SLOW)
    cancel(waiting)
    cancel(waiting)
    assert wait_for(waiting, RunState.CANCELLED).attempt == 0
    worker = installation.start_trainer("first")
    moments: list[Callable[[TrainingRun], object]] = [
        lambda run: wait_for(run, RunState.RUNNING),
        lambda run: wait_for_epoch(run, 1),
    ]
    for moment in moments:
        run = ask(version, owner, SLOW)
        moment(run)
        cancel(run)
        cancel(run)
        wait_for(run, RunState.CANCELLED)
    done = wait_for(ask(version, owner, FAST), RunState.SUCCEEDED)
    with pytest.raises(Conflict):
        cancel(done)
    orphan = ask(version, owner, SLOW)
    wait_for_epoch(orphan, 1)
    worker.kill()
    worker.wait()
    cancel(orphan)
    wait_until(lambda: services.reconcile().cancelled, "the lease to expire")
    wait_for(orphan, RunState.CANCELLED)
    assert wait_for(done, RunState.SUCCEEDED).attempt == 1
    assert ModelVersion.objects.filter(run__in=[waiting, orphan]).count() == 0
    assert_books_balance(version.dataset.workspace)
