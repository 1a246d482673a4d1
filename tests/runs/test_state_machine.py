"""Every order of events that Hypothesis can think of, against the promises that a run makes (I2, I3, I5, I7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.progress import Progress
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import Conflict, QuotaExceeded
from modelyard.quotas import services as quotas
from modelyard.quotas.models import EntryState, UsageEntry
from modelyard.runs import services
from modelyard.runs.models import TERMINAL, Epoch, RunState, TrainingRun
from tests.runs.making import make_run, make_version

WORKERS = st.sampled_from(["w1", "w2", "w3"])
SECONDS = st.integers(0, 5000)


class RunMachine(RuleBasedStateMachine):
    """Workers hold runs as they claimed them and may act on them at any later time, as paused ones do."""

    workspace: Workspace
    version: DatasetVersion
    person: User

    runs = Bundle("runs")
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.endings: dict[Any, str] = {}
        self.winners: dict[Any, int] = {}
        self.claims: dict[Any, set[int]] = {}

    @initialize(target=runs)
    def begin(self) -> Any:
        TrainingRun.objects.all().delete()
        UsageEntry.objects.all().delete()
        self.workspace.quotas.all().delete()
        return make_run(self.version, self.person).pk

    @rule(target=runs)
    def request(self) -> Any:
        try:
            return make_run(self.version, self.person).pk
        except QuotaExceeded:
            return multiple()

    @rule(target=held, run=runs, worker=WORKERS)
    def deliver(self, run: Any, worker: str) -> Any:
        claimed = services.claim_run(run, worker)
        if claimed is None:
            return multiple()
        assert claimed.fence not in self.claims.setdefault(run, set()), "the same claim was given twice"
        self.claims[run].add(claimed.fence)
        return claimed

    @rule(target=held, held=held)
    def take_over(self, held: TrainingRun) -> Any:
        """A worker is paused for longer than its lease, and another one gets its run."""
        self.expire(held.pk)
        services.reconcile()
        return self.deliver(held.pk, "w4")

    @rule(held=held)
    def beat(self, held: TrainingRun) -> None:
        assert services.beat(held) == self.is_current(held)

    @rule(held=held, epoch=st.integers(1, 6))
    def report(self, held: TrainingRun, epoch: int) -> None:
        current = self.is_current(held)
        said = Progress(event="epoch", epoch=epoch, epochs=6, metrics={"fence": held.fence})
        assert services.record_progress(held, said) == current

    @rule(held=held, seconds=SECONDS)
    def succeed(self, held: TrainingRun, seconds: int) -> None:
        current = self.is_current(held)
        assert services.settle_succeeded(held, {}, services.Usage(wall_seconds=seconds)) == current
        if current:
            assert held.pk not in self.winners
            self.winners[held.pk] = held.fence

    @rule(held=held, seconds=SECONDS)
    def fail(self, held: TrainingRun, seconds: int) -> None:
        current, failure = self.is_current(held), services.Failure(code="user", message="bad data")
        assert services.settle_failed(held, failure, services.Usage(wall_seconds=seconds)) == current

    @rule(held=held)
    def stop_as_wished(self, held: TrainingRun) -> None:
        wishes = services.read_wishes(held)
        assert (wishes is not None) == self.is_current(held)
        if wishes is not None and wishes.cancel_requested:
            assert services.settle_cancelled(held, services.Usage(wall_seconds=1))

    @rule(held=held, charged=st.booleans())
    def hand_back(self, held: TrainingRun, charged: bool) -> None:
        """As a worker does: its own stop is no attempt, a crash of its child is, until there were too many."""
        if charged and held.attempt >= services.MOST_ATTEMPTS:
            return
        if services.hand_back(held, charged=charged):
            services.cancel_waiting(held)

    @rule(held=held)
    def crash_while_settling(self, held: TrainingRun) -> None:
        """The transaction of the terminal transition never commits: the run is as it was."""
        before = TrainingRun.objects.get(pk=held.pk).state
        with transaction.atomic():
            services.settle_succeeded(held, {}, services.Usage(wall_seconds=1))
            transaction.set_rollback(True)
        assert TrainingRun.objects.get(pk=held.pk).state == before

    @rule(run=runs)
    def expire(self, run: Any) -> None:
        past = timezone.now() - timedelta(seconds=1)
        TrainingRun.objects.filter(pk=run, state=RunState.RUNNING).update(lease_until=past)

    @rule()
    def reconcile(self) -> None:
        services.reconcile()
        assert not TrainingRun.objects.expired().exists()

    @rule(run=runs)
    def cancel(self, run: Any) -> None:
        row = TrainingRun.objects.filter(pk=run).first()
        if row is None:
            return
        try:
            services.cancel_run(row, by=self.person)
        except Conflict:
            assert row.state in (RunState.SUCCEEDED, RunState.FAILED)

    @rule(run=runs)
    def finish(self, run: Any) -> None:
        row = TrainingRun.objects.filter(pk=run).first()
        if row is None:
            return
        try:
            services.finish_run(row, by=self.person)
        except Conflict:
            assert row.state != RunState.RUNNING

    @invariant()
    def a_run_ends_once(self) -> None:
        for pk, state in TrainingRun.objects.filter(state__in=TERMINAL).values_list("pk", "state"):
            assert self.endings.setdefault(pk, state) == state
        assert set(self.endings) <= set(TrainingRun.objects.filter(state__in=TERMINAL).values_list("pk", flat=True))

    @invariant()
    def a_success_is_of_the_current_claim(self) -> None:
        for run in TrainingRun.objects.filter(state=RunState.SUCCEEDED):
            assert self.winners[run.pk] == run.fence

    @invariant()
    def the_books_balance(self) -> None:
        assert quotas.audit() == []
        alive = {f"run:{pk}" for pk in TrainingRun.objects.unfinished().values_list("pk", flat=True)}
        reserved = set(UsageEntry.objects.filter(state=EntryState.RESERVED).values_list("subject", flat=True))
        assert reserved == alive

    @invariant()
    def attempts_are_bounded(self) -> None:
        assert not TrainingRun.objects.filter(attempt__gt=services.MOST_ATTEMPTS).exists()

    @invariant()
    def epochs_are_of_one_line_of_history(self) -> None:
        for run in TrainingRun.objects.all():
            fences = [metrics["fence"] for metrics in epochs_of(run)]
            assert fences == sorted(fences)

    def is_current(self, held: TrainingRun) -> bool:
        row = TrainingRun.objects.get(pk=held.pk)
        return (row.state, row.fence) == (RunState.RUNNING, held.fence)


def epochs_of(run: TrainingRun) -> list[dict[str, Any]]:
    return list(Epoch.objects.filter(run=run).order_by("number").values_list("metrics", flat=True))


@pytest.mark.django_db
def test_no_order_of_events_breaks_the_promises_of_a_run(workspace: Workspace, alice: User) -> None:
    class Machine(RunMachine):
        pass

    Machine.workspace, Machine.person = workspace, alice
    Machine.version = make_version(workspace, alice)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],
        ),
    )
