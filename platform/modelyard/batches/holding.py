"""What a worker does with a batch prediction beyond what `modelyard.leasing` does with all work."""

from uuid import UUID

from django.db import transaction

from modelyard import leasing
from modelyard.batches.models import BatchPrediction
from modelyard.batches.queueing import QUEUE
from modelyard.contracts.batch import Survey
from modelyard.contracts.crash_points import reach
from modelyard.contracts.progress import Progress
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS
from modelyard.quotas.publishing import tell_spent


def claim_batch(batch_id: UUID | str, worker: str) -> BatchPrediction | None:
    """Take a queued batch prediction for `worker`; None where somebody else has it, it has ended or is not wanted."""
    return leasing.claim(BatchPrediction, batch_id, worker)


def claim_next(worker: str) -> BatchPrediction | None:
    """Take the batch prediction that is first in the queue for `worker`; None where none waits."""
    return QUEUE.claim_next(lambda batch_id: claim_batch(batch_id, worker))


def record_progress(batch: BatchPrediction, *said: Progress) -> bool:
    """Write down what scoring said. False: the work is no longer this worker's, and nothing was written."""
    for one in said:
        if one.event == "phase" and one.phase is not None:
            batch.phase = one.phase
        if one.event == "step":
            figures = {"step": one.step, "fraction": one.fraction, "eta_seconds": one.eta_seconds, **one.metrics}
            batch.progress = figures
    with transaction.atomic():
        if not leasing.hold(batch).update(phase=batch.phase[:20], progress=batch.progress):
            return False
        leasing.tell(batch)
        reach("batch.progress.before_commit")
    return True


def admit(batch: BatchPrediction, survey: Survey) -> bool:
    """Note what was found in the file and reserve a prediction for each of its rows, both or nothing.

    Raises `QuotaExceeded`. False: the work is no longer this worker's.
    """
    with transaction.atomic():
        if not leasing.hold(batch).update(survey=survey.to_json(), progress={"step": 0, "fraction": 0.0}):
            return False
        quotas.reserve(batch.workspace, PREDICTIONS.name, survey.rows, subject=batch.ledger_subject)
        tell_spent(batch.workspace, batch.ledger_subject, survey.rows)
        leasing.tell(batch)
        reach("batch.admit.before_commit")
    batch.survey, batch.progress = survey.to_json(), {"step": 0, "fraction": 0.0}
    return True
