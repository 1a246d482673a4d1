"""Workers, messages, clocks and people act upon runs in any order; after every act the promises of a run are checked.

The promises are those of `manage.py fsck`, which walks a whole installation; here a model remembers beside the database
what was acknowledged to whom, and both are compared. A schedule is undone when it is over, so thousands of them fit
into a minute.
"""

import math
from collections import Counter
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, precondition, rule

from modelyard import jobs, leasing
from modelyard.accounts.models import AuditEvent, User
from modelyard.contracts.progress import Progress
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import Conflict, QuotaExceeded
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import CONCURRENT_RUNS, TRAINING_SECONDS
from modelyard.quotas.models import EntryState, Quota, UsageEntry
from modelyard.redis_connection import redis
from modelyard.runs import services
from modelyard.runs.models import TERMINAL, Epoch, RunState, TrainingRun
from tests.runs.making import make_run

WORKERS = st.sampled_from(["w1", "w2", "w3"])
SECONDS = st.integers(0, 5000)
JUMPS = st.sampled_from([-3600, -60, -10, 10, 60, 3600])
BAD_DATA = services.Failure(code="user", message="bad data")
Row = dict[str, Any]


class RunMachine(RuleBasedStateMachine):
    """Workers hold runs as they claimed them and may act on them at any later time, as paused ones do.

    `waiting` are runs that were asked for before the schedule begins, the first of which a worker has then;
    `to_the_end`, that it goes on until all have ended, with more of them and a Redis that loses what it holds. What
    happens inside a child is not seen here; its checkpoints are numbers of epochs.
    """

    version: ClassVar[DatasetVersion]
    person: ClassVar[User]
    waiting: ClassVar[list[TrainingRun]]
    to_the_end: ClassVar[bool] = True

    runs = Bundle("runs")
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.savepoint()
        self.acknowledged: dict[UUID, Any] = {}
        self.witnesses: Counter[tuple[str, str]] = Counter()
        self.endings: dict[UUID, str] = {}
        self.winners: dict[UUID, int] = {}
        self.fences: dict[UUID, int] = {}
        self.checkpoints: Counter[UUID] = Counter()
        self.reached: dict[tuple[UUID, int], int] = {}
        self.charged = 0
        redis().delete(jobs.KEY_PREFIX + jobs.QUEUES["train"])

    def teardown(self) -> None:
        try:
            if self.to_the_end:
                self._let_the_dust_settle()
        finally:
            transaction.savepoint_rollback(self.savepoint)

    def _let_the_dust_settle(self) -> None:
        """Whatever happened, every run comes to its end and nothing stays reserved."""
        TrainingRun.objects.filter(state=RunState.RUNNING).update(lease_until=None)
        services.reconcile()
        while (run := services.claim_next("last")) is not None:
            assert services.settle_succeeded(run, {}, services.Usage(wall_seconds=1))
        assert not TrainingRun.objects.unfinished().exists()
        assert not UsageEntry.objects.filter(state=EntryState.RESERVED).exists()
        assert quotas.audit() == []

    # People.

    @initialize(target=runs)
    def begin(self) -> Any:
        for run in self.waiting:
            self._acknowledge(run)
        return multiple(*(run.pk for run in self.waiting))

    @initialize(target=held)
    def begin_work(self) -> Any:
        return self._hold(services.claim_run(self.waiting[0].pk, "w1"))

    @rule(target=runs)
    @precondition(lambda self: self.to_the_end)
    def request(self) -> Any:
        try:
            run = make_run(self.version, self.person)
        except QuotaExceeded:
            return multiple()
        self._acknowledge(run)
        return run.pk

    @rule(run=runs)
    def cancel(self, run: UUID) -> None:
        row = TrainingRun.objects.get(pk=run)
        try:
            services.cancel_run(row, by=self.person)
        except Conflict:
            assert self.endings[run] in (RunState.SUCCEEDED, RunState.FAILED)
        else:
            self.witnesses["run.cancel", str(run)] += self.endings.get(run) != RunState.CANCELLED

    @rule(run=runs)
    def finish(self, run: UUID) -> None:
        row = TrainingRun.objects.get(pk=run)
        try:
            services.finish_run(row, by=self.person)
        except Conflict:
            assert row.state != RunState.RUNNING
        else:
            self.witnesses["run.finish", str(run)] += 1

    # Messages and claims.

    @rule(target=held, run=runs, worker=WORKERS)
    def deliver(self, run: UUID, worker: str) -> Any:
        """A message comes, which need not have been sent: early, late, again."""
        return self._hold(services.claim_run(run, worker))

    @rule(target=held, run=runs)
    def deliver_twice(self, run: UUID) -> Any:
        first, second = services.claim_run(run, "w1"), services.claim_run(run, "w2")
        assert second is None
        return self._hold(first)

    @rule(target=held, worker=WORKERS)
    def take_the_next(self, worker: str) -> Any:
        """Who is claimed is who was shown first."""
        places = services.queue_positions()
        claimed = services.claim_next(worker)
        assert (claimed is None) == (not places)
        assert claimed is None or places[claimed.pk] == 1
        return self._hold(claimed)

    @rule()
    @precondition(lambda self: self.to_the_end)
    def drop_every_message(self) -> None:
        """Redis loses its data; what has waited for a minute is rung for again."""
        redis().delete(jobs.KEY_PREFIX + jobs.QUEUES["train"])
        queued = TrainingRun.objects.filter(state=RunState.QUEUED)
        queued.update(rung_at=timezone.now() - timedelta(seconds=61))
        services.reconcile()
        assert jobs.count_waiting("train") == queued.count()

    # Workers.

    @rule(held=held)
    def beat(self, held: TrainingRun) -> None:
        assert services.beat(held) == self._is_current(held)

    @rule(held=held, heard=st.booleans())
    def learn(self, held: TrainingRun, heard: bool) -> None:
        """An epoch ends and a checkpoint is written; who supervises may not live to write the epoch down."""
        epoch = self.reached[held.pk, held.fence] + 1
        self.reached[held.pk, held.fence] = epoch
        if self._is_current(held):
            self.checkpoints[held.pk] = epoch
        if heard:
            assert services.record_progress(held, *self._say(held, epoch)) == self._is_current(held)

    @rule(held=held, seconds=SECONDS)
    def succeed(self, held: TrainingRun, seconds: int) -> None:
        current = self._is_current(held)
        assert services.settle_succeeded(held, {}, services.Usage(wall_seconds=seconds)) == current
        if current:
            assert held.pk not in self.winners
            self.winners[held.pk] = held.fence
            self._charge(held, seconds)

    @rule(held=held, seconds=SECONDS)
    def fail(self, held: TrainingRun, seconds: int) -> None:
        current = self._is_current(held)
        assert services.settle_failed(held, BAD_DATA, services.Usage(wall_seconds=seconds)) == current
        if current:
            self._charge(held, seconds)

    @rule(held=held)
    def stop_as_wished(self, held: TrainingRun) -> None:
        wishes = services.read_wishes(held)
        assert (wishes is not None) == self._is_current(held)
        if wishes is not None and wishes.cancel_requested:
            assert services.settle_cancelled(held, services.Usage(wall_seconds=1))
            self._charge(held, 1)

    @rule(held=held, charged=st.booleans())
    def hand_back(self, held: TrainingRun, charged: bool) -> None:
        """As a worker does: its own stop is no attempt, a crash of its child is, until there were too many."""
        if charged and held.attempt >= services.MOST_ATTEMPTS:
            return
        current = self._is_current(held)
        assert services.hand_back(held, charged=charged) == current
        services.cancel_waiting(held)

    @rule(held=held, seconds=SECONDS)
    def crash_while_settling(self, held: TrainingRun, seconds: int) -> None:
        """The transaction of the terminal transition never commits: the run is as it was."""
        before = TrainingRun.objects.get(pk=held.pk).state
        with transaction.atomic():
            services.settle_succeeded(held, {}, services.Usage(wall_seconds=seconds))
            transaction.set_rollback(True)
        assert TrainingRun.objects.get(pk=held.pk).state == before

    # Time and repair.

    @rule(run=runs)
    def lose_the_worker(self, run: UUID) -> None:
        """Its lease is over; somebody else may come by before anything is repaired."""
        past = timezone.now() - timedelta(seconds=1)
        TrainingRun.objects.filter(pk=run, state=RunState.RUNNING).update(lease_until=past)

    @rule(target=held, held=held)
    def take_over(self, held: TrainingRun) -> Any:
        """A worker is paused for longer than its lease, and another one gets its run."""
        self.lose_the_worker(held.pk)
        services.reconcile()
        return self._hold(services.claim_run(held.pk, "w4"))

    @rule(seconds=JUMPS)
    def jump(self, seconds: int) -> None:
        """The clock of the database is set right or wrong."""
        self._turn_clock(seconds)

    @rule()
    def reconcile(self) -> None:
        services.reconcile()
        assert not TrainingRun.objects.expired().exists()
        longest = timezone.now() + timedelta(seconds=settings.ENVIRONMENT.lease_seconds)
        assert not TrainingRun.objects.filter(state=RunState.RUNNING, lease_until__gt=longest).exists()
        assert not TrainingRun.objects.filter(state=RunState.QUEUED, cancel_requested=True).exists()

    @rule(run=runs)
    @precondition(lambda self: self.endings)
    def leave_a_reservation_open(self, run: UUID) -> None:
        """As no transaction does: reconciling gives it back, and only once."""
        if run not in self.endings:
            return
        row = TrainingRun.objects.select_related("workspace").get(pk=run)
        if not UsageEntry.objects.filter(subject=row.ledger_subject, state=EntryState.COMMITTED).exists():
            try:
                quotas.reserve(row.workspace, CONCURRENT_RUNS.name, 1, subject=row.ledger_subject)
            except QuotaExceeded:
                return
            assert services.reconcile().refunded == 1
            assert services.reconcile().refunded == 0

    # The promises.

    @invariant()
    def check_rows(self) -> None:
        """I1, I2, I3, I6: what was acknowledged is there, ends once and by its last claim, and nobody holds it then."""
        rows: dict[UUID, Row] = {row["pk"]: row for row in TrainingRun.objects.values(*COLUMNS)}
        assert rows.keys() == self.acknowledged.keys()
        for pk, row in rows.items():
            assert row["plan"] == self.acknowledged[pk]
            assert row["attempt"] <= services.MOST_ATTEMPTS
            assert row["fence"] == self.fences.get(pk, 0)
            held = row["state"] == RunState.RUNNING
            assert (bool(row["lease_owner"]), row["lease_until"] is not None) == (held, held)
            assert (row["ended_at"] is not None) == (row["state"] in TERMINAL)
            if row["state"] in TERMINAL:
                assert self.endings.setdefault(pk, row["state"]) == row["state"]
            else:
                assert pk not in self.endings
            assert (row["state"] == RunState.SUCCEEDED) == (self.winners.get(pk) == row["fence"] and pk in self.winners)

    @invariant()
    def check_books(self) -> None:
        """I5: counters are sums, only what lives is reserved, and what was used is charged once."""
        reserved, sums = set(), Counter[tuple[str, str]]()
        for subject, state, kind, amount in UsageEntry.objects.values_list("subject", "state", "quota__kind", "amount"):
            sums[kind, state] += amount
            if state == EntryState.RESERVED:
                reserved.add(subject)
        assert reserved == {f"run:{pk}" for pk in TrainingRun.objects.unfinished().values_list("pk", flat=True)}
        for kind, used, held in Quota.objects.values_list("kind", "used", "reserved"):
            assert (used, held) == (sums[kind, EntryState.COMMITTED], sums[kind, EntryState.RESERVED])
        assert sums[TRAINING_SECONDS.name, EntryState.COMMITTED] == self.charged

    @invariant()
    def check_history(self) -> None:
        """I4, I7: epochs have no hole and are of one line; an attempt goes on where the last checkpoint was."""
        said: dict[UUID, list[tuple[int, int]]] = {}
        for run, number, metrics in Epoch.objects.order_by("number").values_list("run_id", "number", "metrics"):
            said.setdefault(run, []).append((number, metrics["fence"]))
        for run, epochs in said.items():
            assert [number for number, _fence in epochs] == list(range(1, len(epochs) + 1))
            assert len({fence for _number, fence in epochs}) == 1
            assert len(epochs) <= self.checkpoints[run]

    @invariant()
    def check_witnesses(self) -> None:
        """I8: the audit log has one event for each thing that was acknowledged to somebody."""
        subjects = [str(pk) for pk in self.acknowledged]
        events = AuditEvent.objects.filter(subject__in=subjects).values_list("action", "subject")
        assert Counter(events) == +self.witnesses

    # Helpers.

    def _acknowledge(self, run: TrainingRun) -> None:
        self.acknowledged[run.pk] = run.plan
        self.witnesses["run.request", str(run.pk)] = 1

    def _hold(self, claimed: TrainingRun | None) -> Any:
        if claimed is None:
            return multiple()
        assert claimed.fence == self.fences.get(claimed.pk, 0) + 1
        self.fences[claimed.pk] = claimed.fence
        self.reached[claimed.pk, claimed.fence] = self.checkpoints[claimed.pk]
        return claimed

    def _is_current(self, held: TrainingRun) -> bool:
        return leasing.hold(held).exists()

    def _say(self, held: TrainingRun, last: int) -> list[Progress]:
        """A child says everything that it has learned since its checkpoint, and what that holds, as `fitting` does."""
        metrics = {"fence": held.fence}
        return [Progress(event="epoch", epoch=epoch, epochs=6, metrics=metrics) for epoch in range(1, last + 1)]

    def _charge(self, held: TrainingRun, seconds: int) -> None:
        self.charged += min(math.ceil(seconds), held.max_seconds)

    def _turn_clock(self, seconds: int) -> None:
        """Later for the database is the same as everything earlier in its rows."""
        earlier = timedelta(seconds=seconds)
        TrainingRun.objects.filter(state=RunState.RUNNING).update(lease_until=F("lease_until") - earlier)
        TrainingRun.objects.filter(state=RunState.QUEUED).update(rung_at=F("rung_at") - earlier)


COLUMNS = ("pk", "plan", "state", "attempt", "fence", "lease_owner", "lease_until", "ended_at")
