"""The clock, which does the periodic work itself: started as `make up` starts it."""

from datetime import timedelta

from django.utils import timezone

from modelyard.accounts.models import User, Workspace
from modelyard.runs import services
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import make_run, make_version
from tests.workers.installation import Installation, wait_until


def test_lost_runs_are_taken_back_by_themselves(installation: Installation, lab: Workspace, owner: User) -> None:
    run = make_run(make_version(lab, owner), owner)
    assert services.claim_run(run.pk, "a worker that is gone") is not None
    TrainingRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    installation.start_clock()

    def requeued() -> bool:
        run.refresh_from_db()
        return run.state == RunState.QUEUED

    wait_until(requeued, "the run to be requeued", 60)


def test_repair_goes_on_without_a_broker(installation: Installation, lab: Workspace, owner: User) -> None:
    installation.environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
    test_lost_runs_are_taken_back_by_themselves(installation, lab, owner)
