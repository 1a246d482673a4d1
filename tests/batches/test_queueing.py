"""Files take turns by the rules of the runs (`tests/runs/test_queueing.py` holds those against a model)."""

import pytest
from django.test import Client

from modelyard.accounts.models import User, Workspace
from modelyard.batches import services
from modelyard.batches.models import BatchPrediction
from modelyard.registry.models import ModelVersion
from modelyard.runs.services import set_share
from tests.batches import making

pytestmark = pytest.mark.django_db

FILE = b"id,age,city\n" + b"1,41,Wien\n" * 100


@pytest.fixture
def elsewhere(charlie: User) -> ModelVersion:
    return making.register_model(charlie.memberships.get().workspace, charlie)


def claim_all() -> list[BatchPrediction]:
    claimed = []
    while (batch := services.claim_next("scorer")) is not None:
        claimed.append(batch)
    return claimed


def test_somebody_with_many_files_does_not_starve_one_with_a_single_file(
    version: ModelVersion, alice: User, elsewhere: ModelVersion, charlie: User
) -> None:
    for _ in range(10):
        making.make_batch(version, alice, FILE)
    single = making.make_batch(elsewhere, charlie, FILE)
    assert services.queue_position(single) == 2
    assert [batch.pk for batch in claim_all()].index(single.pk) == 1


def test_people_of_one_workspace_take_turns(version: ModelVersion, alice: User, bob: User) -> None:
    for _ in range(5):
        making.make_batch(version, alice, FILE)
    assert services.queue_position(making.make_batch(version, bob, FILE)) == 2


def test_who_brings_large_files_waits_for_more_of_the_small_ones(
    version: ModelVersion, alice: User, elsewhere: ModelVersion, charlie: User
) -> None:
    large = [making.make_batch(version, alice, FILE * 4) for _ in range(2)]
    small = [making.make_batch(elsewhere, charlie, FILE) for _ in range(4)]
    assert [batch.pk for batch in claim_all()] == [large[0].pk, *(batch.pk for batch in small), large[1].pk]


def test_a_larger_share_of_the_queue_brings_more_turns(
    version: ModelVersion, alice: User, elsewhere: ModelVersion, charlie: User, operator: User
) -> None:
    set_share(elsewhere.model.workspace, 200, by=operator)
    for _ in range(4):
        making.make_batch(version, alice, FILE)
        making.make_batch(elsewhere, charlie, FILE)
    owners = [batch.created_by for batch in claim_all()[:6]]
    assert (owners.count(charlie), owners.count(alice)) == (4, 2)


def test_files_are_begun_in_the_order_that_was_shown(
    version: ModelVersion, alice: User, bob: User, elsewhere: ModelVersion, charlie: User
) -> None:
    """What ends meanwhile changes nothing."""
    for number in range(3):
        making.make_batch(version, alice, FILE * (number + 1))
        making.make_batch(elsewhere, charlie, FILE)
    making.make_batch(version, bob, FILE)
    places = services.queue_positions()
    promised = sorted(places, key=lambda batch: places[batch])
    begun = []
    while (batch := services.claim_next("scorer")) is not None:
        begun.append(batch.pk)
        services.settle_failed(batch, services.Failure(code="bad", message="It was bad."))
    assert begun == promised


def test_what_was_interrupted_goes_on_before_others_begin(version: ModelVersion, alice: User) -> None:
    first, second = (making.make_batch(version, alice, FILE) for _ in range(2))
    held = services.claim_next("scorer")
    assert held is not None
    assert services.hand_back(held, charged=False)
    first.refresh_from_db()
    assert (services.queue_position(first), services.queue_position(second)) == (1, 2)


def test_what_is_to_be_cancelled_has_no_place(batch: BatchPrediction) -> None:
    BatchPrediction.objects.update(cancel_requested=True)
    assert services.queue_position(batch) is None
    assert services.claim_next("scorer") is None


def test_the_place_is_shown(client: Client, version: ModelVersion, alice: User, workspace: Workspace) -> None:
    first, second, third = (making.make_batch(version, alice, FILE) for _ in range(3))
    client.force_login(alice)
    assert "2 before it in the queue." in client.get(third.get_absolute_url()).content.decode()
    assert "It is next" in client.get(first.get_absolute_url()).content.decode()
    listed = client.get("/api/v1/batch-predictions").json()["results"]
    assert {one["id"]: one["queue_position"] for one in listed} == {
        str(batch.pk): place for place, batch in enumerate((first, second, third), 1)
    }
    making.claim(first)
    assert client.get(f"/api/v1/batch-predictions/{first.pk}").json()["queue_position"] is None
    assert client.get(f"/api/v1/batch-predictions/{second.pk}").json()["queue_position"] == 1
