"""What an open page of a data set version hears."""

from uuid import UUID

from modelyard.accounts.models import User
from modelyard.datasets.models import DatasetVersion
from modelyard.live_consumer import TopicConsumer


class VersionConsumer(TopicConsumer):
    """Follows the reading of one data set version."""

    topic = "version"
    parameter = "version_id"

    def may_follow(self, user: User, subject: UUID) -> bool:
        return DatasetVersion.objects.visible_to(user).filter(pk=subject).exists()
