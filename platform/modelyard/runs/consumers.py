"""What an open page of a run hears."""

from uuid import UUID

from modelyard.accounts.models import User
from modelyard.live_consumer import TopicConsumer
from modelyard.runs.models import TrainingRun


class RunConsumer(TopicConsumer):
    """Follows one training run."""

    topic = "run"
    parameter = "run_id"

    def may_follow(self, user: User, subject: UUID) -> bool:
        return TrainingRun.objects.visible_to(user).filter(pk=subject).exists()
