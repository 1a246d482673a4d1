"""Who is next: the order in which waiting work is claimed, which is also the order that people are shown.

Fair queueing at two levels (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996), worked out anew at every
look. The turn of a piece of work is the cost that was set aside for its owner before it: for what runs or began in the
last hour, and for the owner's own work further ahead in the queue. The smallest turn is next. Within a workspace the
owner is the person; among workspaces it is the workspace, whose turns are divided by its share. A claim moves work from
"ahead in the queue" to "began in the last hour" and so changes no turn: work is claimed in the order shown.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Generic
from uuid import UUID

from django.db.models import DateTimeField, ExpressionWrapper, F, IntegerField, Q, QuerySet, Value
from django.db.models.functions import Now

from modelyard.leased_work import Work, WorkState

RECENTLY = timedelta(hours=1)
USUAL_SHARE = 100
Owner = tuple[UUID, UUID | None]
"""A workspace and a person in it."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A piece of work that waits. `cost` is what it may take, `begun`, that it was interrupted and goes on."""

    subject: UUID
    workspace: UUID
    person: UUID | None
    cost: int
    priority: int
    begun: bool
    asked_at: datetime

    @property
    def rank(self) -> tuple[int, bool]:
        """What goes before turns: a higher priority, then what was interrupted."""
        return -self.priority, not self.begun

    @property
    def age(self) -> tuple[datetime, UUID]:
        return self.asked_at, self.subject


@dataclass(kw_only=True)
class Spent:
    """The cost of what runs or began lately, and the shares (in per cent) that are not the usual."""

    workspaces: defaultdict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    people: defaultdict[Owner, int] = field(default_factory=lambda: defaultdict(int))
    shares: Mapping[UUID, int] = field(default_factory=dict)

    def add(self, workspace: UUID, person: UUID | None, cost: int) -> None:
        self.workspaces[workspace] += cost
        self.people[workspace, person] += cost


@dataclass(frozen=True, kw_only=True)
class FairQueue(Generic[Work]):
    """The work of one `kind` that waits for a worker.

    `cost` names the column of what a piece of work may take, known when it is asked for; `priority` the one of what
    operators say, if they do. The rows know their `workspace` and whom they were `created_by`.
    """

    kind: type[Work]
    cost: str
    read_shares: Callable[[], Mapping[UUID, int]]
    priority: str = ""

    def line_up(self) -> list[UUID]:
        """The work that waits, what is begun next first."""
        return [one.subject for one in order(self._read_waiting(), self._read_spent())]

    def positions(self) -> dict[UUID, int]:
        """The place of everything that waits, from 1."""
        return {subject: place for place, subject in enumerate(self.line_up(), 1)}

    def position(self, work: Work) -> int | None:
        """1 for what is begun next; None where it does not wait."""
        return self.positions().get(work.pk) if work.state == WorkState.QUEUED else None

    def claim_next(self, claim: Callable[[UUID], Work | None]) -> Work | None:
        """Take what is first in the queue, by `claim`; None where nothing waits.

        Where another worker was faster, the queue is looked at anew.
        """
        while line := self.line_up():
            claimed = claim(line[0])
            if claimed is not None:
                return claimed
        return None

    @property
    def _rows(self) -> QuerySet[Work]:
        return self.kind._default_manager.all()

    def _read_waiting(self) -> list[Waiting]:
        priority = F(self.priority) if self.priority else Value(0, output_field=IntegerField())
        columns = ("pk", "workspace_id", "created_by_id", self.cost, "said", "started_at", "created_at")
        rows = self._rows.filter(state=WorkState.QUEUED, cancel_requested=False).annotate(said=priority)
        return [
            Waiting(
                subject=subject,
                workspace=workspace,
                person=person,
                cost=_whole(cost),
                priority=priority,
                begun=started_at is not None,
                asked_at=asked_at,
            )
            for subject, workspace, person, cost, priority, started_at, asked_at in rows.values_list(*columns)
        ]

    def _read_spent(self) -> Spent:
        spent = Spent(shares=self.read_shares())
        hour_ago = ExpressionWrapper(Now() - Value(RECENTLY), output_field=DateTimeField())
        begun = self._rows.filter(Q(state=WorkState.RUNNING) | Q(started_at__gte=hour_ago))
        columns = ("workspace_id", "created_by_id", self.cost)
        for workspace, person, cost in begun.exclude(state=WorkState.QUEUED).values_list(*columns):
            spent.add(workspace, person, _whole(cost))
        return spent


def order(waiting: Iterable[Waiting], spent: Spent) -> list[Waiting]:
    """Return the work in the order in which it is claimed; what is ranked higher counts as spent for the others."""
    line: list[Waiting] = []
    for _rank, alike in groupby(sorted(waiting, key=lambda one: (one.rank, one.age)), key=lambda one: one.rank):
        ranked = _merge(list(alike), spent)
        for one in ranked:
            spent.add(one.workspace, one.person, one.cost)
        line += ranked
    return line


def _merge(alike: list[Waiting], spent: Spent) -> list[Waiting]:
    """Work of one rank, oldest first, in the order of its turns."""
    lines: defaultdict[UUID, list[Waiting]] = defaultdict(list)
    for one, _turn in sorted(_take_turns(alike, spent), key=lambda pair: (pair[1], pair[0].age)):
        lines[one.workspace].append(one)
    turns: list[tuple[float, tuple[datetime, UUID], Waiting]] = []
    for workspace, line in lines.items():
        before, share = spent.workspaces[workspace], spent.shares.get(workspace, USUAL_SHARE)
        for one in line:
            turns.append((before / share, one.age, one))
            before += one.cost
    return [one for _turn, _age, one in sorted(turns, key=lambda turn: turn[:2])]


def _take_turns(alike: list[Waiting], spent: Spent) -> Iterable[tuple[Waiting, int]]:
    """Each piece of work with what its person has had before it."""
    before: dict[Owner, int] = {}
    for one in alike:
        owner = one.workspace, one.person
        turn = before.get(owner, spent.people[owner])
        before[owner] = turn + one.cost
        yield one, turn


def _whole(cost: float | None) -> int:
    """A cost that moves the queue on, whatever the row says."""
    return max(1, int(cost or 0))
