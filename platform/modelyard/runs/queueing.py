"""Where a run stands in the queue that all workspaces of the installation share."""

from django.db.models import Q

from modelyard.runs.models import RunState, TrainingRun


def queue_position(run: TrainingRun) -> int | None:
    """1 for the run that is started next; None where it does not wait."""
    if run.state != RunState.QUEUED:
        return None
    earlier = Q(created_at__lt=run.created_at) | Q(created_at=run.created_at, pk__lt=run.pk)
    waiting = TrainingRun.objects.filter(state=RunState.QUEUED, cancel_requested=False)
    return waiting.filter(earlier).count() + 1
