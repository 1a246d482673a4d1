"""A run that has succeeded has exactly one model version, of the claim that won; nothing else has one."""

from collections.abc import Iterator

from modelyard.accounts.models import AuditEvent
from modelyard.consistency.findings import Finding, Look, Promise
from modelyard.consistency.witnesses import is_remembered
from modelyard.leased_work import WorkState
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import version_id_of
from modelyard.runs.models import TrainingRun

REPORT = "Keep database and files as they are and report it; train again."


def check_winners(look: Look) -> Iterator[Finding]:
    """Runs that have succeeded and model versions belong together, one to one."""
    yield from _check_versions(look)
    won = TrainingRun.objects.filter(state=WorkState.SUCCEEDED, model_version=None)
    for run in won:
        version = version_id_of(run)
        registered = AuditEvent.objects.filter(action="model.register", subject=str(version)).exists()
        if not registered and is_remembered(run.ended_at):
            yield _broken(run, "it has succeeded, and no model was ever registered for it")


def _check_versions(look: Look) -> Iterator[Finding]:
    for version in ModelVersion.objects.select_related("run", "model").exclude(run=None).defer("report", "signature"):
        run = version.run
        assert run is not None, "the query leaves them out"
        look.seen["model versions"] += 1
        if run.state != WorkState.SUCCEEDED:
            yield _broken(run, f"it is {run.state}, and {version} was registered for it")
        if version.pk != version_id_of(run):
            yield _broken(run, f"{version} does not have the id that follows from its run: it was registered twice")
        fence = version.lineage.get("fence")
        if fence is not None and fence != run.fence:
            yield _broken(run, f"{version} is of claim {fence}, and the run was ended by claim {run.fence}")
        trained = (version.lineage.get("plan") or {}).get("run")
        if fence is not None and trained != str(run.pk):
            yield _broken(run, f"{version} was trained by another run ({trained})")


def _broken(run: TrainingRun, what: str) -> Finding:
    return Finding(promise=Promise.ONE_WINNER, where=f"run {run} ({run.pk})", what=what, repair=REPORT)
