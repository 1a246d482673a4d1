"""Workers report themselves, so that operators see what there is and what it does."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from modelyard.runs.models import Worker

ALIVE = timedelta(seconds=60)
"""A worker that has not been seen for so long is not there."""
FORGOTTEN_AFTER = timedelta(days=1)


def report_worker(name: str, queues: Sequence[str], device: Mapping[str, Any], run_id: UUID | None) -> None:
    """Say that worker `name` is alive, on which device, and which run it trains."""
    seen = Worker.objects.filter(pk=name).update(queues=list(queues), device=dict(device), seen_at=Now(), run_id=run_id)
    if not seen:
        now = timezone.now()
        Worker.objects.update_or_create(
            pk=name,
            defaults={
                "queues": list(queues),
                "device": dict(device),
                "seen_at": now,
                "started_at": now,
                "run_id": run_id,
            },
        )


def forget_worker(name: str) -> None:
    """A worker that stops in good order takes its row along, and those of workers that were never heard of again."""
    Worker.objects.filter(pk=name).delete()
    Worker.objects.filter(seen_at__lt=timezone.now() - FORGOTTEN_AFTER).delete()
