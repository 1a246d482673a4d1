"""Acts on training runs, for views, the API and workers; each part has a module of its own."""

from modelyard.leased_work import Failure
from modelyard.leasing import MOST_ATTEMPTS, beat, hand_back, read_wishes
from modelyard.runs.estimating import Forecast, estimate
from modelyard.runs.fitting import check_fit, guess_target, list_targets, sort_templates, suits
from modelyard.runs.holding import claim_next, claim_run, record_progress
from modelyard.runs.prioritising import set_priority, set_share, shares_of
from modelyard.runs.queueing import queue_position, queue_positions
from modelyard.runs.reconciling import Repairs, reconcile
from modelyard.runs.reporting import forget_worker, report_worker
from modelyard.runs.requesting import find_template, ready_profile, request_run
from modelyard.runs.settling import (
    Usage,
    cancel_run,
    cancel_waiting,
    finish_run,
    settle_cancelled,
    settle_failed,
    settle_succeeded,
)

__all__ = [
    "MOST_ATTEMPTS",
    "Failure",
    "Forecast",
    "Repairs",
    "Usage",
    "beat",
    "cancel_run",
    "cancel_waiting",
    "check_fit",
    "claim_next",
    "claim_run",
    "estimate",
    "find_template",
    "finish_run",
    "forget_worker",
    "guess_target",
    "hand_back",
    "list_targets",
    "queue_position",
    "queue_positions",
    "read_wishes",
    "ready_profile",
    "reconcile",
    "record_progress",
    "report_worker",
    "request_run",
    "set_priority",
    "set_share",
    "settle_cancelled",
    "settle_failed",
    "settle_succeeded",
    "shares_of",
    "sort_templates",
    "suits",
]
