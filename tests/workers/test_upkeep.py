"""The clock, which does the periodic work itself: started as `make up` starts it."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from modelyard.accounts.audit.checking import last_check
from modelyard.accounts.audit.sealing import unsealed
from modelyard.accounts.models import AuditCheck, User, Workspace
from modelyard.accounts.services import record
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

    wait_until(requeued, "the run to be requeued")


def test_repair_goes_on_without_a_broker(installation: Installation, lab: Workspace, owner: User) -> None:
    installation.environment["REDIS_URL"] = "redis://127.0.0.1:1/0"
    test_lost_runs_are_taken_back_by_themselves(installation, lab, owner)


def test_the_audit_log_is_chained_pinned_and_verified(
    installation: Installation, lab: Workspace, owner: User, tmp_path: Path
) -> None:
    AuditCheck.objects.all().delete()  # of another test's clock, whose home knows another database's head
    record("run.request", "first", by=owner, workspace=lab)
    installation.environment["MODELYARD_TEST_HOME"] = str(tmp_path)
    installation.environment["MODELYARD_AUDIT_KEY"] = settings.ENVIRONMENT.audit_key
    installation.start_clock()
    wait_until(lambda: last_check() is not None, "the log to be verified", 120)
    record("run.request", "second", by=owner, workspace=lab)
    wait_until(lambda: not list(unsealed()), "every event to have its place", 120)
    wait_until((tmp_path / "audit" / "head").exists, "the head to be pinned", 120)
    found = last_check()
    assert found is not None
    assert found.fault == ""
