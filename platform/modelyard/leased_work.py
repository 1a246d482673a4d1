"""What every piece of work that a worker holds for a while has in common: its state, its fence and its lease."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from modelyard.jobs import Job


class WorkState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


UNFINISHED = (WorkState.QUEUED, WorkState.RUNNING)
TERMINAL = (WorkState.SUCCEEDED, WorkState.FAILED, WorkState.CANCELLED)
EXPIRED = Q(state=WorkState.RUNNING) & (Q(lease_until__lt=Now()) | Q(lease_until=None))
"""Running work whose worker has not been heard of for a whole lease, by the clock of the database."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why work failed, for the person: `code`, what happened, and what to do about it.

    `sentence` is the message in parts that can be translated, where it has any.
    """

    code: str
    message: str
    hint: str = ""
    sentence: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}


Work = TypeVar("Work", bound="LeasedWork")


def held(work: "LeasedWork") -> Q:
    """The row of `work`, as long as the claim that `work` was read with is the current one."""
    return Q(pk=work.pk, fence=work.fence, state=WorkState.RUNNING)


class LeasedWorkQuerySet(models.QuerySet[Work]):
    def unfinished(self) -> Self:
        return self.filter(state__in=UNFINISHED)

    def held_by(self, work: Work) -> Self:
        return self.filter(held(work))

    def expired(self) -> Self:
        return self.filter(EXPIRED)


class LeasedWork(models.Model):
    """The row is the truth. Every change after the claim is conditional on the fence (`docs/decisions/`).

    `fence` grows with every claim; whoever holds the current fence may write. `lease_until` is renewed by the
    heartbeat. `JOB` is what workers are rung for, `TOPIC` what open pages follow and what its subjects in the
    ledger begin with.
    """

    JOB: ClassVar[Job]
    TOPIC: ClassVar[str]

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    state = models.CharField(max_length=10, choices=WorkState.choices, default=WorkState.QUEUED, db_index=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)

    phase = models.CharField(max_length=20, blank=True)
    progress = models.JSONField(default=dict)
    failure = models.JSONField(null=True)

    class Meta:
        abstract = True

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL
