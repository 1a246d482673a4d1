"""How runs end, and what becomes of the books."""

import pytest

from modelyard.accounts.models import AuditEvent, User
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import Conflict
from modelyard.quotas import services as quotas
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import make_run
from tests.runs.test_holding import claim

pytestmark = pytest.mark.django_db


def charged(run: TrainingRun) -> tuple[int, int]:
    """Training seconds used and reserved; the books must balance."""
    assert quotas.audit() == []
    status = {status.kind: status for status in quotas.overview(run.workspace)}
    ended = TrainingRun.objects.get(pk=run.pk).ended
    assert status["concurrent_runs"].taken == (0 if ended else 1)
    return status["training_seconds"].used, status["training_seconds"].reserved


def test_success_charges_what_was_used(run: TrainingRun) -> None:
    assert services.settle_succeeded(claim(run), {"test": {"accuracy": 0.9}}, services.Usage(wall_seconds=12.3))
    run.refresh_from_db()
    assert (run.state, run.metrics["test"]["accuracy"]) == (RunState.SUCCEEDED, 0.9)
    assert (run.progress["fraction"], run.progress["eta_seconds"]) == (1.0, 0.0)
    assert charged(run) == (13, 0)


def test_never_more_is_charged_than_was_reserved(run: TrainingRun) -> None:
    services.settle_succeeded(claim(run), {}, services.Usage(wall_seconds=99_999))
    assert charged(run) == (1800, 0)


def test_a_failure_is_told_and_charged(run: TrainingRun) -> None:
    services.settle_failed(
        claim(run), services.Failure(code="x", message="y", hint="z"), services.Usage(wall_seconds=5)
    )
    run.refresh_from_db()
    assert run.failure == {"code": "x", "message": "y", "hint": "z"}
    assert charged(run) == (5, 0)


def test_an_end_is_an_end(run: TrainingRun) -> None:
    held = claim(run)
    assert services.settle_succeeded(held, {}, services.Usage(wall_seconds=1))
    assert not services.settle_failed(held, services.Failure(code="x", message="y"), services.Usage(wall_seconds=9))
    assert not services.settle_cancelled(held, services.Usage(wall_seconds=9))
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert charged(run) == (1, 0)


def test_a_waiting_run_is_cancelled_at_once_with_everything_refunded(run: TrainingRun, alice: User) -> None:
    services.cancel_run(run, by=alice)
    assert run.state == RunState.CANCELLED
    assert charged(run) == (0, 0)
    assert services.claim_run(run.pk, "w") is None
    assert AuditEvent.objects.filter(action="run.cancel", subject=str(run.pk)).count() == 1


def test_a_running_one_is_asked_to_stop(run: TrainingRun, alice: User) -> None:
    held = claim(run)
    services.cancel_run(run, by=alice)
    wishes = services.read_wishes(held)
    assert wishes is not None
    assert wishes.cancel_requested
    assert services.settle_cancelled(held, services.Usage(wall_seconds=3))
    assert charged(run) == (3, 0)


def test_cancelling_twice_is_as_good_as_once(run: TrainingRun, alice: User) -> None:
    services.cancel_run(run, by=alice)
    services.cancel_run(run, by=alice)
    assert run.state == RunState.CANCELLED


def test_what_has_succeeded_cannot_be_cancelled(run: TrainingRun, alice: User) -> None:
    services.settle_succeeded(claim(run), {}, services.Usage())
    with pytest.raises(Conflict, match="already succeeded"):
        services.cancel_run(run, by=alice)


def test_a_cancelled_run_whose_worker_is_lost_ends_cancelled(run: TrainingRun, alice: User) -> None:
    from tests.runs.test_holding import expire

    held = claim(run)
    services.cancel_run(run, by=alice)
    expire(held)
    assert services.reconcile().cancelled == 1
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert charged(run) == (0, 0)


def test_finishing_needs_a_running_run(run: TrainingRun, alice: User) -> None:
    with pytest.raises(Conflict, match="has not begun"):
        services.finish_run(run, by=alice)
    held = claim(run)
    services.finish_run(run, by=alice)
    wishes = services.read_wishes(held)
    assert wishes is not None
    assert wishes.finish_requested
    services.settle_succeeded(held, {}, services.Usage())
    with pytest.raises(Conflict, match="already succeeded"):
        services.finish_run(run, by=alice)


def test_the_place_in_the_queue_is_counted(version: DatasetVersion, alice: User) -> None:
    first, second, third = (make_run(version, alice) for _ in range(3))
    assert [services.queue_position(run) for run in (first, second, third)] == [1, 2, 3]
    services.cancel_run(second, by=alice)
    assert services.queue_position(third) == 2
    held = claim(first)
    assert services.queue_position(held) is None
    assert services.queue_position(third) == 1
