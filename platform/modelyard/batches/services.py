"""Acts on batch predictions, for views, the API and workers; each part has a module of its own."""

from modelyard.batches.holding import admit, claim_batch, record_progress
from modelyard.batches.reconciling import Repairs, reconcile
from modelyard.batches.requesting import request_batch
from modelyard.batches.settling import (
    cancel_batch,
    cancel_waiting,
    delete_batch,
    settle_cancelled,
    settle_failed,
    settle_succeeded,
)

__all__ = [
    "Repairs",
    "admit",
    "cancel_batch",
    "cancel_waiting",
    "claim_batch",
    "delete_batch",
    "reconcile",
    "record_progress",
    "request_batch",
    "settle_cancelled",
    "settle_failed",
    "settle_succeeded",
]
