"""The fair order of the queue, against a model that picks one run after the other; and what operators change of it."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from modelyard.accounts.models import AuditEvent, Role, User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import Conflict, InvalidInput, NotAllowed
from modelyard.fair_queue import Spent, Waiting, order
from modelyard.quotas import services as quotas
from modelyard.runs import services
from modelyard.runs.models import Priority, RunState, TrainingRun
from tests.factories import add_member, make_user, make_workspace
from tests.runs.making import make_run, make_version

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORKSPACES = [UUID(int=number) for number in range(1, 4)]
PEOPLE = [UUID(int=number) for number in range(11, 14)]


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[Waiting], Spent]:
    """Up to 25 waiting runs of a few people, what they have had, and what shares they get."""
    facts = st.tuples(
        st.sampled_from(WORKSPACES),
        st.sampled_from([None, *PEOPLE]),
        st.sampled_from([1, 60, 600, 1800]),
        st.sampled_from(Priority.values),
        st.booleans(),
        st.integers(0, 3),
    )
    waiting = [
        Waiting(
            subject=UUID(int=number),
            workspace=workspace,
            person=person,
            cost=seconds,
            priority=priority,
            begun=begun,
            asked_at=NOON + timedelta(seconds=second),
        )
        for number, (workspace, person, seconds, priority, begun, second) in enumerate(
            draw(st.lists(facts, max_size=25)), 100
        )
    ]
    spent = Spent(shares=draw(st.dictionaries(st.sampled_from(WORKSPACES), st.integers(10, 1000))))
    for workspace in WORKSPACES:
        for person in PEOPLE:
            spent.add(workspace, person, draw(st.sampled_from([0, 0, 600, 5000])))
    return waiting, spent


def copied(spent: Spent) -> Spent:
    return Spent(workspaces=spent.workspaces.copy(), people=spent.people.copy(), shares=spent.shares)


def pick(waiting: list[Waiting], spent: Spent) -> Waiting:
    """The rule in the words of the documentation, for the next run only."""
    highest = min(one.rank for one in waiting)
    candidates: dict[UUID, Waiting] = {}
    for workspace in {one.workspace for one in waiting if one.rank == highest}:
        own = [one for one in waiting if one.workspace == workspace and one.rank == highest]
        candidates[workspace] = min(own, key=lambda one: (spent.people[one.workspace, one.person], one.age))
    return min(
        candidates.values(),
        key=lambda one: (spent.workspaces[one.workspace] / spent.shares.get(one.workspace, 100), one.age),
    )


@given(queues())
def test_the_order_is_that_of_picking_one_run_after_the_other(queue: tuple[list[Waiting], Spent]) -> None:
    waiting, spent = queue
    shown = order(waiting, copied(spent))
    claimed: list[Waiting] = []
    while waiting:
        one = pick(waiting, spent)
        waiting.remove(one)
        spent.add(one.workspace, one.person, one.cost)
        claimed.append(one)
    assert [one.subject for one in shown] == [one.subject for one in claimed]


@given(queues())
def test_a_claim_leaves_the_order_of_the_others_as_it_was_shown(queue: tuple[list[Waiting], Spent]) -> None:
    waiting, spent = queue
    shown = order(waiting, copied(spent))
    for place, claimed in enumerate(shown):
        spent.add(claimed.workspace, claimed.person, claimed.cost)
        assert order(shown[place + 1 :], copied(spent)) == shown[place + 1 :]


@given(queues(), st.integers(1, 200))
def test_somebody_with_one_run_never_waits_for_more_than_one_of_each_other_workspace(
    queue: tuple[list[Waiting], Spent], many: int
) -> None:
    """Nobody has had anything lately, all budgets and shares are alike: a hundred runs before me cost me one each."""
    mine = Waiting(
        subject=UUID(int=1),
        workspace=UUID(int=99),
        person=None,
        cost=60,
        priority=0,
        begun=False,
        asked_at=NOON + timedelta(days=1),
    )
    others = [
        Waiting(
            subject=UUID(int=1000 + number),
            workspace=WORKSPACES[number % 3],
            person=PEOPLE[number % 2],
            cost=60,
            priority=0,
            begun=False,
            asked_at=NOON,
        )
        for number in range(many)
    ]
    line = order([*others, mine], Spent())
    before = Counter(one.workspace for one in line[: line.index(mine)])
    assert all(count <= 1 for count in before.values())


pytestmark = pytest.mark.django_db


@pytest.fixture
def many(workspace: Workspace, operator: User) -> None:
    quotas.set_limit(workspace, "concurrent_runs", 100, by=operator)
    quotas.set_limit(workspace, "training_seconds", 10_000_000, by=operator)


def claim_all() -> list[TrainingRun]:
    claimed = []
    while (run := services.claim_next("w")) is not None:
        claimed.append(run)
    return claimed


@pytest.mark.usefixtures("many")
def test_a_workspace_with_many_runs_does_not_starve_one_with_a_single_run(
    version: DatasetVersion, alice: User, charlie: User
) -> None:
    for _ in range(10):
        make_run(version, alice)
    single = make_run(make_version(charlie.memberships.get().workspace, charlie), charlie)
    assert services.queue_position(single) == 2
    assert [run.pk for run in claim_all()].index(single.pk) == 1


@pytest.mark.usefixtures("many")
def test_people_of_one_workspace_take_turns(version: DatasetVersion, alice: User, bob: User) -> None:
    for _ in range(5):
        make_run(version, alice)
    his = make_run(version, bob)
    assert services.queue_position(his) == 2


@pytest.mark.usefixtures("many")
def test_who_began_a_run_lately_lets_others_go_first(version: DatasetVersion, alice: User, bob: User) -> None:
    first = make_run(version, alice)
    claimed = services.claim_next("w")
    assert claimed is not None
    services.settle_succeeded(claimed, {}, services.Usage(wall_seconds=1))
    hers, his = make_run(version, alice), make_run(version, bob)
    assert (services.queue_position(his), services.queue_position(hers)) == (1, 2)
    TrainingRun.objects.filter(pk=first.pk).update(started_at=timezone.now() - timedelta(minutes=61))
    assert (services.queue_position(his), services.queue_position(hers)) == (2, 1)


def test_a_workspace_with_twice_the_share_gets_twice_as_many_runs(operator: User) -> None:
    owner = make_user("dora")
    usual, double = (make_workspace(owner, name) for name in ("Usual", "Double"))
    services.set_share(double, 200, by=operator)
    for workspace in (usual, double):
        quotas.set_limit(workspace, "concurrent_runs", 100, by=operator)
        version = make_version(workspace, owner)
        for _ in range(8):
            make_run(version, owner)
    began = Counter(run.workspace.name for run in claim_all()[:9])
    assert began == {"Double": 6, "Usual": 3}


@pytest.mark.usefixtures("many")
def test_an_operator_puts_a_run_first_or_last(version: DatasetVersion, alice: User, operator: User) -> None:
    first, second, third = (make_run(version, alice) for _ in range(3))
    services.set_priority(third, Priority.HIGH, by=operator)
    services.set_priority(first, Priority.LOW, by=operator)
    assert [run.pk for run in claim_all()] == [third.pk, second.pk, first.pk]
    event = AuditEvent.objects.filter(action="run.prioritise", subject=str(third.pk)).get()
    assert (event.actor, event.details) == (operator, {"before": "normal", "after": "high"})


@pytest.mark.usefixtures("many")
def test_what_was_interrupted_goes_on_before_others_begin(version: DatasetVersion, alice: User) -> None:
    runs = [make_run(version, alice) for _ in range(3)]
    held = services.claim_next("w")
    other = services.claim_next("w")
    assert held is not None
    assert other is not None
    services.hand_back(other, charged=False)
    assert services.queue_position(TrainingRun.objects.get(pk=other.pk)) == 1
    assert services.queue_position(runs[2]) == 2


def test_a_run_that_is_to_be_cancelled_has_no_place(run: TrainingRun) -> None:
    TrainingRun.objects.update(cancel_requested=True)
    assert services.queue_position(run) is None
    assert services.claim_next("w") is None


def test_only_operators_change_the_order(run: TrainingRun, workspace: Workspace, alice: User) -> None:
    with pytest.raises(NotAllowed):
        services.set_priority(run, Priority.HIGH, by=alice)
    with pytest.raises(NotAllowed):
        services.set_share(workspace, 200, by=alice)
    assert alice.memberships.get().role == Role.OWNER


def test_a_run_that_has_begun_keeps_its_place(run: TrainingRun, operator: User) -> None:
    services.claim_next("w")
    with pytest.raises(Conflict, match="no longer waits"):
        services.set_priority(run, Priority.HIGH, by=operator)
    run.refresh_from_db()
    assert (run.priority, run.state) == (Priority.NORMAL, RunState.RUNNING)


def test_what_is_no_priority_is_refused(run: TrainingRun, operator: User) -> None:
    with pytest.raises(InvalidInput):
        services.set_priority(run, 7, by=operator)


@pytest.mark.parametrize("percent", [0, 9, 1001, -100, True])
def test_an_impossible_share_is_refused(workspace: Workspace, operator: User, percent: int) -> None:
    with pytest.raises(InvalidInput):
        services.set_share(workspace, percent, by=operator)


def test_a_changed_share_leaves_a_witness(workspace: Workspace, operator: User) -> None:
    services.set_share(workspace, 50, by=operator)
    services.set_share(workspace, 300, by=operator)
    newest = AuditEvent.objects.filter(action="queue.share").latest("pk")
    assert (newest.workspace, newest.details) == (workspace, {"before": 50, "after": 300})


def test_a_member_of_two_workspaces_has_a_turn_in_each(alice: User, workspace: Workspace, charlie: User) -> None:
    elsewhere = charlie.memberships.get().workspace
    add_member(elsewhere, alice, Role.EDITOR)
    here, there = make_version(workspace, alice), make_version(elsewhere, charlie)
    runs = [make_run(here, alice), make_run(here, alice), make_run(there, alice)]
    assert [services.queue_position(run) for run in runs] == [1, 3, 2]
