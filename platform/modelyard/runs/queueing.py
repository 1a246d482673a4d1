"""The queue of training runs: fair by the time that is set aside for them (`modelyard.fair_queue`)."""

from collections.abc import Mapping
from uuid import UUID

from modelyard.fair_queue import USUAL_SHARE, FairQueue
from modelyard.runs.models import QueueShare, TrainingRun

__all__ = ["QUEUE", "USUAL_SHARE", "queue_position", "queue_positions", "read_shares"]


def read_shares() -> Mapping[UUID, int]:
    """What operators have set: the shares in per cent of the workspaces that do not get the usual."""
    return dict(QueueShare.objects.values_list("workspace_id", "percent"))


QUEUE = FairQueue(kind=TrainingRun, cost="plan__max_seconds", priority="priority", read_shares=read_shares)
queue_positions = QUEUE.positions
queue_position = QUEUE.position
