"""Training runs: the row is the truth. Every change after the claim is conditional on the fence (`docs/decisions/`)."""

import uuid
from pathlib import Path
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from modelyard import storage
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

    def held_by(self, run: "TrainingRun") -> Self:
        """The row of `run`, as long as the claim that `run` was read with is the current one."""
        return self.filter(pk=run.pk, fence=run.fence, state=RunState.RUNNING)

    def expired(self) -> Self:
        """Running ones whose worker has not been heard of for a whole lease, by the clock of the database."""
        return self.filter(state=RunState.RUNNING).filter(Q(lease_until__lt=Now()) | Q(lease_until=None))


class TrainingRun(models.Model):
    """One attempt to fit a model template to a data set version.

    `plan` is `contracts.plan.Plan`, frozen at the request; `notes` are what the person was told about the data then.
    `fence` grows with every claim; whoever holds the current fence may write. `lease_until` is renewed by
    the heartbeat.
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
    notes = models.JSONField(default=list)

    objects = TrainingRunQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("runs:detail", args=[self.pk])

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL

    @property
    def folder(self) -> Path:
        return storage.run_folder(self.pk)

    @property
    def max_seconds(self) -> int:
        """The wall-clock budget that the quota was reserved for."""
        return int(self.plan["max_seconds"])

    @property
    def ledger_subject(self) -> str:
        """What the run's lines in the ledger are called."""
        return f"run:{self.pk}"


class Epoch(models.Model):
    """The metrics of one epoch; written again when an attempt repeats it."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="epochs")
    number = models.PositiveIntegerField()
    metrics = models.JSONField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["run", "number"], name="one_epoch")]

    def __str__(self) -> str:
        return f"{self.run_id} epoch {self.number}"


class LogLine(models.Model):
    """One line of a run's log."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="log")
    at = models.DateTimeField(auto_now_add=True)
    level = models.CharField(max_length=10, default="info")
    message = models.TextField()

    def __str__(self) -> str:
        return self.message


class Worker(models.Model):
    """A worker process as it last reported itself."""

    name = models.CharField(primary_key=True, max_length=120)
    queues = models.JSONField(default=list)
    device = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    run = models.ForeignKey(TrainingRun, null=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.name
