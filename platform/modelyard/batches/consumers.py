"""What an open page of a batch prediction hears."""

from uuid import UUID

from modelyard.accounts.models import User
from modelyard.batches.models import BatchPrediction
from modelyard.live_consumer import TopicConsumer


class BatchConsumer(TopicConsumer):
    """Follows one batch prediction."""

    topic = "batch"
    parameter = "batch_id"

    def may_follow(self, user: User, subject: UUID) -> bool:
        return BatchPrediction.objects.visible_to(user).filter(pk=subject).exists()
