"""What workers are asked for by name. A task carries an id, claims the row and hands it on; the row decides."""

import logging
from uuid import UUID

from modelyard.datasets import services as datasets
from modelyard.endpoints import services as endpoints
from modelyard.runs import services as runs
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
    """Train a queued run."""
    subject = _id_in(run_id)
    run = runs.claim_run(subject, presence().name) if subject and not presence().stopping.is_set() else None
    if run is not None:
        ending = train_run(run, presence())
        log.info("run %s, attempt %d: %s", run.pk, run.attempt, ending)


@app.task(name="reconcile")
def reconcile() -> None:
    """Repair what got lost (every half minute)."""
    datasets.reconcile()
    repairs = runs.reconcile()
    log.debug("reconciled: %s", repairs)
    endpoints.publish_everything()


@app.task(name="fold_usage")
def fold_usage() -> None:
    """Bring the predictors' counts into the ledger (every few seconds)."""
    endpoints.fold_usage()


def _id_in(text: object) -> UUID | None:
    """The id that a message carries; None for a message that is none of ours."""
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        log.warning("a message carries no id: %.60r", text)
        return None
