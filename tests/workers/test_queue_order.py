"""Runs are claimed in the order that people were shown, on both databases, whatever ends or fails meanwhile."""

import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.accounts.models import User, Workspace
from modelyard.runs import services
from modelyard.runs.models import Priority, QueueShare, RunState, TrainingRun
from tests.factories import make_user, make_workspace
from tests.runs.making import make_run, make_version
from tests.workers.installation import Installation, wait_until

EXAMPLES = 25
LONGEST = 8


@pytest.fixture
def labs(installation: Installation) -> list[Workspace]:
    return [make_workspace(make_user(f"p-{uuid.uuid4().hex[:8]}")) for _ in range(3)]


@pytest.fixture
def people(installation: Installation) -> list[User]:
    return [make_user(f"q-{uuid.uuid4().hex[:8]}") for _ in range(2)]


def queue(lab: Workspace, person: User, seconds: int, priority: int) -> TrainingRun:
    return TrainingRun.objects.create(
        workspace=lab,
        created_by=person,
        name="r",
        model_template="t",
        plan={"max_seconds": seconds},
        priority=priority,
    )


def shown() -> list[uuid.UUID]:
    places = services.queue_positions()
    return sorted(places, key=lambda run: places[run])


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_the_order_of_claims_is_the_order_shown(labs: list[Workspace], people: list[User], data: st.DataObject) -> None:
    TrainingRun.objects.all().delete()
    QueueShare.objects.all().delete()
    for lab in data.draw(st.sets(st.sampled_from(range(3)), max_size=2)):
        QueueShare.objects.create(workspace=labs[lab], percent=data.draw(st.sampled_from([10, 50, 250])))
    asked = st.tuples(
        st.sampled_from(labs),
        st.sampled_from(people),
        st.sampled_from([60, 600, 1800]),
        st.sampled_from(Priority.values),
    )
    for lab, person, seconds, priority in data.draw(st.lists(asked, min_size=1, max_size=LONGEST)):
        queue(lab, person, seconds, priority)
    held: list[TrainingRun] = []
    promised = shown()
    while promised:
        act = data.draw(st.sampled_from(["claim", "claim", "succeed", "fail", "hand back", "cancel", "ask"]))
        if act == "claim":
            claimed = services.claim_next("w")
            assert claimed is not None
            assert claimed.pk == promised.pop(0)
            held.append(claimed)
        elif act in ("succeed", "fail") and held:
            one, usage = held.pop(), services.Usage(wall_seconds=1)
            if act == "succeed":
                assert services.settle_succeeded(one, {}, usage)
            else:
                assert services.settle_failed(one, services.Failure(code="user", message="bad data"), usage)
        elif act == "hand back" and held:
            assert services.hand_back(held.pop(), charged=False)
            promised = shown()
        elif act == "cancel":
            TrainingRun.objects.filter(pk=promised.pop()).update(cancel_requested=True, state=RunState.CANCELLED)
            promised = shown()
        elif act == "ask" and len(promised) < LONGEST:
            queue(*data.draw(asked))
            promised = shown()
        assert shown() == promised


def test_a_worker_begins_runs_in_the_order_shown(
    installation: Installation, labs: list[Workspace], people: list[User]
) -> None:
    """Messages come in the order of the requests; what is begun is what is next."""
    owners = [lab.memberships.get().user for lab in labs]
    runs = [
        make_run(make_version(labs[number], owners[number]), owners[number], hyperparameters={"epochs": 1})
        for number in [0, 0, 0, 0, 1, 1, 2]
    ]
    promised = shown()
    assert promised != [run.pk for run in runs]
    installation.start_trainer()
    wait_until(lambda: not TrainingRun.objects.unfinished().exists(), "all runs to end")
    began = TrainingRun.objects.order_by("started_at").values_list("pk", flat=True)
    assert list(began) == promised
