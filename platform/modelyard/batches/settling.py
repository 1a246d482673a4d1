"""How batch predictions end: once, with the books settled in the same transaction; and how their files go."""

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from modelyard import leasing, storage
from modelyard.accounts.models import Role, User
from modelyard.accounts.services import record, require_role
from modelyard.batches.models import BatchPrediction
from modelyard.contracts.batch import Tally
from modelyard.contracts.crash_points import reach
from modelyard.datasets.uploads import subject_of
from modelyard.deletions import Weight, announce
from modelyard.endpoints.folding import add_predictions
from modelyard.errors import Conflict
from modelyard.leased_work import Failure, WorkState
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import PREDICTIONS, STORAGE_BYTES
from modelyard.quotas.publishing import tell_spent


@transaction.atomic
def settle_succeeded(batch: BatchPrediction, tally: Tally, *, size: int, seal: str) -> bool:
    """End held work well: answered rows are charged, the result's bytes are held. False: no longer this worker's.

    Raises `QuotaExceeded` where the workspace has no room for the result; nothing was changed then.
    """
    expires_at = timezone.now() + timedelta(days=settings.ENVIRONMENT.batch_keep_days)
    result = {"tally": tally.to_json(), "result_size": size, "result_seal": seal, "expires_at": expires_at}
    if not leasing.end(batch, WorkState.SUCCEEDED, holds=None, phase="done", **result):
        return False
    quotas.reserve(batch.workspace, STORAGE_BYTES.name, size, subject=batch.result_subject)
    quotas.commit(batch.workspace, STORAGE_BYTES.name, subject=batch.result_subject, amount=size)
    answered = tally.rows - tally.failed
    if quotas.commit(batch.workspace, PREDICTIONS.name, subject=batch.ledger_subject, amount=answered):
        tell_spent(batch.workspace, batch.ledger_subject, -tally.failed)
    add_predictions(
        batch.workspace,
        endpoint=batch.endpoint,
        key=batch.key,
        user=str(batch.created_by_id or ""),
        version=batch.version_number,
        count=answered,
    )
    _let_go_of_file(batch)
    leasing.tell(batch)
    reach("batch.succeed.before_commit")
    return True


@transaction.atomic
def settle_failed(batch: BatchPrediction, failure: Failure) -> bool:
    """End held work that cannot succeed; nothing is charged. False: no longer this worker's."""
    if not leasing.end(batch, WorkState.FAILED, failure=failure.to_json(), holds=None):
        return False
    clear(batch)
    leasing.tell(batch)
    reach("batch.fail.before_commit")
    return True


@transaction.atomic
def settle_cancelled(batch: BatchPrediction) -> bool:
    """End held work that a person has cancelled; nothing is charged. False: no longer this worker's."""
    if not leasing.end(batch, WorkState.CANCELLED, holds=None):
        return False
    clear(batch)
    leasing.tell(batch)
    reach("batch.cancel.before_commit")
    return True


@transaction.atomic
def cancel_batch(batch: BatchPrediction, *, by: User, request: HttpRequest | None = None) -> None:
    """Stop and discard: at once where it still waits, else as soon as its worker looks. Twice is as good as once.

    Raises `Conflict` where it has ended otherwise. Who may is for the caller to say: editors, and operators.
    """
    if not leasing.ask_to_cancel(batch):
        if batch.state != WorkState.CANCELLED:
            raise Conflict(_("It has already ended; there is nothing to cancel."), code="ended")
        return
    _record("batch.cancel", batch, by=by, request=request)
    cancel_waiting(batch)
    batch.refresh_from_db()
    leasing.tell(batch)


@transaction.atomic
def cancel_waiting(batch: BatchPrediction) -> bool:
    """End queued work that is to be cancelled, with everything given back."""
    if not leasing.end_waiting(batch):
        return False
    clear(batch)
    leasing.tell(batch)
    reach("batch.cancel_waiting.before_commit")
    return True


@transaction.atomic
def delete_batch(batch: BatchPrediction, *, by: User | None, request: HttpRequest | None = None) -> None:
    """Delete what has ended, with its result. Raises `NotAllowed`, and `Conflict` while it has not ended.

    `by` nobody: its time is over.
    """
    if by is not None:
        require_role(by, batch.workspace, Role.EDITOR)
    if not batch.ended:
        raise Conflict(_("It has not ended; cancel it first."), code="not_ended")
    _record("batch.delete", batch, by=by, request=request)
    _remove_result(batch)
    weight, subject = Weight.of([batch.result_folder]), batch.pk
    _count, rows = batch.delete()
    announce("batch prediction", subject, workspace=batch.workspace, by=by, rows=rows, weight=weight)
    reach("batch.delete.before_commit")


@transaction.atomic
def expire_result(batch: BatchPrediction) -> bool:
    """Delete a result whose time is over; what came of the rows stays to be read. False where it is gone already."""
    rows = BatchPrediction.objects.filter(pk=batch.pk, result_size=batch.result_size)
    if not rows.update(result_size=None, result_seal="", expires_at=None):
        return False
    _remove_result(batch)
    leasing.tell(batch)
    reach("batch.expire.before_commit")
    return True


def clear(batch: BatchPrediction) -> None:
    """Give back everything that ended work holds, but for its result."""
    BatchPrediction.objects.filter(pk=batch.pk).update(holds=None)
    if quotas.refund(batch.workspace, PREDICTIONS.name, subject=batch.ledger_subject):
        tell_spent(batch.workspace, batch.ledger_subject, -(batch.rows or 0))
    _let_go_of_file(batch)


def _let_go_of_file(batch: BatchPrediction) -> None:
    """Delete the file that came, and what a worker kept, once that is sure."""
    quotas.release(batch.workspace, STORAGE_BYTES.name, subject=subject_of(batch.pk))
    for folder in (batch.folder, batch.work_folder):
        transaction.on_commit(partial(storage.remove, folder))


def _remove_result(batch: BatchPrediction) -> None:
    quotas.release(batch.workspace, STORAGE_BYTES.name, subject=batch.result_subject)
    transaction.on_commit(partial(storage.remove, batch.result_folder))


def _record(action: str, batch: BatchPrediction, *, by: User | None, request: HttpRequest | None) -> None:
    record(action, str(batch.pk), by=by, workspace=batch.workspace, request=request, name=batch.filename)
