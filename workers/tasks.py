"""What workers are asked for by name. A task carries an id, claims the row and hands it on; the row decides."""

import logging
from uuid import UUID

from modelyard.accounts.audit.checking import verify_a_little
from modelyard.accounts.audit.sealing import seal_events
from modelyard.batches import services as batches
from modelyard.datasets import services as datasets
from modelyard.endpoints import services as endpoints
from modelyard.keeping import services as keeping
from modelyard.monitoring import services as monitoring
from modelyard.quotas import metering, warning
from modelyard.registry import services as registry
from modelyard.runs import services as runs
from workers.answering import answer_batch
from workers.app import app, presence
from workers.attempting import train_run
from workers.reading import read_version

log = logging.getLogger(__name__)


@app.task(name="profile")
def profile(version_id: str) -> None:
    """Read an uploaded file."""
    subject = _id_in(version_id)
    version = datasets.claim_version(subject) if subject else None
    if version is not None:
        ending = read_version(version, presence())
        log.info("version %s was read: %s", version.pk, ending)


@app.task(name="train")
def train(run_id: str) -> None:
    """Train the run that is next in the queue, which need not be the one that was rung for."""
    wanted = _id_in(run_id) is not None and not presence().stopping.is_set()
    run = runs.claim_next(presence().name) if wanted else None
    if run is not None:
        ending = train_run(run, presence())
        log.info("run %s, attempt %d: %s", run.pk, run.attempt, ending)


@app.task(name="score")
def score(batch_id: str) -> None:
    """Answer the file that is next in the queue, which need not be the one that was rung for."""
    wanted = _id_in(batch_id) is not None and not presence().stopping.is_set()
    batch = batches.claim_next(presence().name) if wanted else None
    if batch is not None:
        ending = answer_batch(batch, presence())
        log.info("batch prediction %s, attempt %d: %s", batch.pk, batch.attempt, ending)


@app.task(name="export")
def export(export_id: str) -> None:
    """Collect what a person owns."""
    subject = _id_in(export_id)
    if subject is not None and keeping.make_export(subject):
        log.info("export %s is ready", subject)


@app.task(name="reconcile")
def reconcile() -> None:
    """Repair what got lost (every half minute)."""
    datasets.reconcile()
    repairs = runs.reconcile(), batches.reconcile()
    registry.sweep_artifacts()
    log.debug("reconciled: %s", repairs)
    endpoints.publish_everything()
    monitoring.publish_rules()
    keeping.reconcile_exports()
    keeping.purge_after_deletions()


@app.task(name="fold_usage")
def fold_usage() -> None:
    """Bring the predictors' counts into the ledger, and judge releases by them (every few seconds)."""
    endpoints.fold_usage()
    endpoints.fold_shadows()
    endpoints.judge_releases()


@app.task(name="fold_observations")
def fold_observations() -> None:
    """Bring what the predictors observed into rows (every few seconds)."""
    monitoring.fold_observations()


@app.task(name="seal_audit_log")
def seal_audit_log() -> None:
    """Give new audit events their place in the chain (every few seconds)."""
    seal_events()


@app.task(name="verify_audit_log")
def verify_audit_log() -> None:
    """Go on with the day's verification of the audit log, a little at a time."""
    verify_a_little()


@app.task(name="meter_storage")
def meter_storage() -> None:
    """Account for what is stored for how long (every few minutes)."""
    metering.meter_storage()


@app.task(name="warn_of_quotas")
def warn_of_quotas() -> None:
    """Write to people whose limits are nearly or wholly used up (every minute)."""
    warning.tell_warnings()


@app.task(name="forget_old")
def forget_old() -> None:
    """Let go of observations that were kept long enough (every hour)."""
    monitoring.forget_old()
    ended = keeping.apply_retention()
    log.debug("kept long enough: %s", ended)


def _id_in(text: object) -> UUID | None:
    """The id that a message carries; None for a message that is none of ours."""
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        log.warning("a message carries no id: %.60r", text)
        return None
