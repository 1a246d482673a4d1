"""What pages show of a batch prediction."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from modelyard.batches.models import BatchPrediction
from modelyard.contracts.profile import Bar
from modelyard.leased_work import WorkState

MOST_LABELS = 12
MOST_FAULTS = 10

PHASES: Mapping[str, str | Promise] = {
    "starting": gettext_lazy("Starting"),
    "reading": gettext_lazy("Reading the file"),
    "predicting": gettext_lazy("Predicting"),
    "writing": gettext_lazy("Writing the result"),
    "done": gettext_lazy("Done"),
}


def title_of_phase(phase: str) -> str:
    """What it is doing, for people."""
    return str(PHASES.get(phase, phase))


def describe_outcome(batch: BatchPrediction) -> dict[str, Any] | None:
    """What came of the rows; None until all were looked at."""
    if batch.state != WorkState.SUCCEEDED:
        return None
    tally = batch.outcome
    frequent = sorted(tally.labels.items(), key=lambda label: -label[1])
    return {
        "answered": tally.rows - tally.failed,
        "labels": [Bar(value=label, count=count) for label, count in frequent[:MOST_LABELS]],
        "more_labels": max(0, len(frequent) - MOST_LABELS),
        "values": tally.describe_values(),
        "faults": [
            {"reason": reason, "count": told["count"], "row": told["row"]}
            for reason, told in tally.frequent_faults()[:MOST_FAULTS]
        ],
        "defused": tally.defused,
        "warnings": batch.found.warnings if batch.found else (),
    }
