"""Training runs: the row is the truth. Every change after the claim is conditional on the fence (`docs/decisions/`)."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion


class RunState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Succeeded")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


TERMINAL = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)


class TrainingRunQuerySet(models.QuerySet["TrainingRun"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(workspace__memberships__user=user).distinct()

    def unfinished(self) -> Self:
        return self.filter(state__in=(RunState.QUEUED, RunState.RUNNING))


class TrainingRun(models.Model):
    """One attempt to fit a model template to a data set version.

    `fence` grows with every claim; whoever holds the current fence may write. `lease_until` is renewed by the heartbeat.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, null=True, on_delete=models.SET_NULL, related_name="runs")
    model_template = models.CharField(max_length=60)
    plan = models.JSONField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED, db_index=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    fence = models.PositiveIntegerField(default=0)
    lease_owner = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True)
    rung_at = models.DateTimeField(null=True)
    cancel_requested = models.BooleanField(default=False)
    finish_requested = models.BooleanField(default=False)

    phase = models.CharField(max_length=20, blank=True)
    progress = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    failure = models.JSONField(null=True)
    usage = models.JSONField(default=dict)
    device = models.JSONField(default=dict)

    objects = TrainingRunQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Epoch(models.Model):
    """The metrics of one epoch; written again when an attempt repeats it."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="epochs")
    number = models.PositiveIntegerField()
    metrics = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "number"], name="one_epoch")]


class LogLine(models.Model):
    """One line of a run's log."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=10, default="info")
    message = models.TextField()


class Worker(models.Model):
    """A worker process as it last reported itself."""

    name = models.CharField(primary_key=True, max_length=120)
    queues = models.JSONField(default=list)
    device = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    run = models.ForeignKey(TrainingRun, null=True, on_delete=models.SET_NULL, related_name="+")
