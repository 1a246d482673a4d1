"""Acts on batch predictions, for views, the API and workers; each part has a module of its own."""

from modelyard.batches.holding import admit, claim_batch, claim_next, record_progress
from modelyard.batches.queueing import queue_position, queue_positions
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
from modelyard.leased_work import Failure
from modelyard.leasing import MOST_ATTEMPTS, hand_back

__all__ = [
    "MOST_ATTEMPTS",
    "Failure",
    "Repairs",
    "admit",
    "cancel_batch",
    "cancel_waiting",
    "claim_batch",
    "claim_next",
    "delete_batch",
    "hand_back",
    "queue_position",
    "queue_positions",
    "reconcile",
    "record_progress",
    "request_batch",
    "settle_cancelled",
    "settle_failed",
    "settle_succeeded",
]
