"""The kinds of quota: what is limited, in which unit, for how long, and how much a new workspace gets."""

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, kw_only=True)
class QuotaKind:
    """`monthly` starts anew each month (UTC); `standing` counts what is held; the predictor enforces `rate`."""

    name: str
    title: str | Promise
    unit: Literal["runs", "seconds", "bytes", "endpoints", "predictions", "requests per second"]
    default: int
    period: Literal["standing", "monthly", "rate"]


CONCURRENT_RUNS = QuotaKind(
    name="concurrent_runs", title=_("Runs at a time"), unit="runs", default=4, period="standing"
)
TRAINING_SECONDS = QuotaKind(
    name="training_seconds", title=_("Training time a month"), unit="seconds", default=36_000, period="monthly"
)
STORAGE_BYTES = QuotaKind(
    name="storage_bytes", title=_("Storage"), unit="bytes", default=10 * 1024**3, period="standing"
)
ENDPOINTS = QuotaKind(name="endpoints", title=_("Endpoints"), unit="endpoints", default=20, period="standing")
PREDICTIONS = QuotaKind(
    name="predictions", title=_("Predictions a month"), unit="predictions", default=1_000_000, period="monthly"
)
REQUESTS_PER_SECOND = QuotaKind(
    name="requests_per_second", title=_("Requests a second"), unit="requests per second", default=1000, period="rate"
)

KINDS = {
    kind.name: kind
    for kind in (CONCURRENT_RUNS, TRAINING_SECONDS, STORAGE_BYTES, ENDPOINTS, PREDICTIONS, REQUESTS_PER_SECOND)
}
