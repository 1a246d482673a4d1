"""Who is next: the order in which waiting runs are claimed, which is also the order that people are shown.

Fair queueing at two levels (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996), worked out anew at every
look. A run's turn is the time that was set aside for its owner before it: for runs that run or began in the last hour,
and for the owner's own runs further ahead in the queue. The smallest turn is next. Among the runs of a workspace the
owner is the person; among workspaces it is the workspace, whose turns are divided by its share. A claim moves a run
from "ahead in the queue" to "began in the last hour" and so changes no turn: runs are claimed in the order shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from django.db.models import DateTimeField, ExpressionWrapper, Q, Value
from django.db.models.functions import Now

from modelyard.runs.models import QueueShare, RunState, TrainingRun

RECENTLY = timedelta(hours=1)
USUAL_SHARE = 100
Owner = tuple[UUID, UUID | None]
"""A workspace and a person in it."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A run that waits. `seconds` is its time budget; `begun`, that it was interrupted and goes on where it stood."""

    run: UUID
    workspace: UUID
    person: UUID | None
    seconds: int
    priority: int
    begun: bool
    asked_at: datetime

    @property
    def rank(self) -> tuple[int, bool]:
        """What goes before turns: a higher priority, then what was interrupted."""
        return -self.priority, not self.begun

    @property
    def age(self) -> tuple[datetime, UUID]:
        return self.asked_at, self.run


@dataclass(kw_only=True)
class Spent:
    """The seconds set aside for runs that run or began lately, and the shares (in per cent) that are not the usual."""

    workspaces: defaultdict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    people: defaultdict[Owner, int] = field(default_factory=lambda: defaultdict(int))
    shares: Mapping[UUID, int] = field(default_factory=dict)

    def add(self, workspace: UUID, person: UUID | None, seconds: int) -> None:
        self.workspaces[workspace] += seconds
        self.people[workspace, person] += seconds


def order(waiting: Iterable[Waiting], spent: Spent) -> list[Waiting]:
    """Return the runs in the order in which they are claimed; what is ranked higher counts as spent for the others."""
    line: list[Waiting] = []
    for _rank, alike in groupby(sorted(waiting, key=lambda one: (one.rank, one.age)), key=lambda one: one.rank):
        ranked = _merge(list(alike), spent)
        for one in ranked:
            spent.add(one.workspace, one.person, one.seconds)
        line += ranked
    return line


def line_up() -> list[UUID]:
    """The runs that wait, the one that is started next first."""
    return [one.run for one in order(_read_waiting(), _read_spent())]


def queue_positions() -> dict[UUID, int]:
    """The place of every run that waits, from 1."""
    return {run: place for place, run in enumerate(line_up(), 1)}


def queue_position(run: TrainingRun) -> int | None:
    """1 for the run that is started next; None where it does not wait."""
    return queue_positions().get(run.pk) if run.state == RunState.QUEUED else None


def _merge(alike: list[Waiting], spent: Spent) -> list[Waiting]:
    """Runs of one rank, oldest first, in the order of their turns."""
    lines: defaultdict[UUID, list[Waiting]] = defaultdict(list)
    for one, _turn in sorted(_take_turns(alike, spent), key=lambda pair: (pair[1], pair[0].age)):
        lines[one.workspace].append(one)
    turns: list[tuple[float, tuple[datetime, UUID], Waiting]] = []
    for workspace, line in lines.items():
        before, share = spent.workspaces[workspace], spent.shares.get(workspace, USUAL_SHARE)
        for one in line:
            turns.append((before / share, one.age, one))
            before += one.seconds
    return [one for _turn, _age, one in sorted(turns, key=lambda turn: turn[:2])]


def _take_turns(alike: list[Waiting], spent: Spent) -> Iterable[tuple[Waiting, int]]:
    """Each run with what its person has had before it."""
    before: dict[Owner, int] = {}
    for one in alike:
        owner = one.workspace, one.person
        turn = before.get(owner, spent.people[owner])
        before[owner] = turn + one.seconds
        yield one, turn


def _read_waiting() -> list[Waiting]:
    columns = ("pk", "workspace_id", "created_by_id", "plan__max_seconds", "priority", "started_at", "created_at")
    rows = TrainingRun.objects.filter(state=RunState.QUEUED, cancel_requested=False).values_list(*columns)
    return [
        Waiting(
            run=run,
            workspace=workspace,
            person=person,
            seconds=_whole(seconds),
            priority=priority,
            begun=started_at is not None,
            asked_at=asked_at,
        )
        for run, workspace, person, seconds, priority, started_at, asked_at in rows.iterator()
    ]


def _read_spent() -> Spent:
    spent = Spent(shares=dict(QueueShare.objects.values_list("workspace_id", "percent")))
    hour_ago = ExpressionWrapper(Now() - Value(RECENTLY), output_field=DateTimeField())
    begun = TrainingRun.objects.filter(Q(state=RunState.RUNNING) | Q(started_at__gte=hour_ago))
    columns = ("workspace_id", "created_by_id", "plan__max_seconds")
    for workspace, person, seconds in begun.exclude(state=RunState.QUEUED).values_list(*columns):
        spent.add(workspace, person, _whole(seconds))
    return spent


def _whole(seconds: float | None) -> int:
    """A time budget that moves the queue on, whatever the plan says."""
    return max(1, int(seconds or 0))
