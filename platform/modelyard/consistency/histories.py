"""The metrics of runs: one line of history, from the first epoch on, without repetitions."""

from collections.abc import Iterator

from django.db.models import Count, Max, Min

from modelyard.consistency.findings import Finding, Look, Promise
from modelyard.runs.models import Epoch

REPORT = "The model is as it was trained, only its curve has a hole; report it."


def check_histories(look: Look) -> Iterator[Finding]:
    """Epochs are numbered from 1 without holes; the database keeps them from being there twice."""
    counted = Epoch.objects.order_by().values("run", "run__name")
    for found in counted.annotate(first=Min("number"), last=Max("number"), count=Count("pk")):
        look.seen["histories"] += 1
        if found["first"] != 1 or found["last"] != found["count"]:
            words = f"it has {found['count']} epochs numbered from {found['first']} to {found['last']}"
            where = f"run {found['run__name']} ({found['run']})"
            yield Finding(promise=Promise.HISTORY, where=where, what=words, repair=REPORT)
