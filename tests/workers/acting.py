"""What tests of workers ask for, wait for and check."""

from typing import Any

import psutil

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.jsonfile import read_json
from modelyard.datasets.models import DatasetVersion
from modelyard.quotas import services as quotas
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import make_run
from tests.workers.installation import wait_until

FAST = {"epochs": 3, "learning_rate": 0.001}
SLOW = {"epochs": 30, "learning_rate": 0.02}
LONG = {"epochs": 8, "learning_rate": 0.06}


def ask(version: DatasetVersion, owner: User, hyperparameters: dict[str, Any]) -> TrainingRun:
    return make_run(version, owner, hyperparameters=hyperparameters)


def wait_for(run: TrainingRun, *states: RunState) -> TrainingRun:
    def reached() -> bool:
        run.refresh_from_db()
        return run.state in states

    wait_until(reached, f"{run.pk} to be {states}, it is {run.state}")
    return run


def wait_for_epoch(run: TrainingRun, number: int) -> None:
    wait_until(lambda: run.epochs.filter(number__gte=number).exists(), f"epoch {number}")


def wait_for_checkpoint(run: TrainingRun, number: int) -> None:
    """Wait for what the child writes, whatever its worker knows."""
    path = run.folder / "checkpoints" / "000001" / "epoch.json"
    wait_until(lambda: path.exists() and read_json(path)["epoch"] >= number, f"a checkpoint of epoch {number}")


def child_of(worker: Any) -> psutil.Process:
    def found() -> list[psutil.Process]:
        return [
            p
            for p in psutil.Process(worker.pid).children(recursive=True)
            if "small_training.py" in " ".join(p.cmdline())
        ]

    return wait_until(found, "a child process")[0]


def assert_books_balance(workspace: Workspace) -> None:
    status = {status.kind: status for status in quotas.overview(workspace)}
    assert status["concurrent_runs"].taken == 0
    assert status["training_seconds"].reserved == 0
    assert quotas.audit() == []


def assert_ended_well(run: TrainingRun, *, attempts: int) -> None:
    """It has one model, a history without holes, and balanced books."""
    wait_for(run, RunState.SUCCEEDED)
    assert run.attempt == attempts
    assert ModelVersion.objects.filter(run=run).count() == 1
    epochs = run.plan["hyperparameters"]["epochs"]
    assert [epoch.number for epoch in run.epochs.order_by("number")] == list(range(1, epochs + 1))
    assert_books_balance(run.workspace)
