"""Training runs: the row is the truth. Every change after the claim is conditional on the fence (`docs/decisions/`)."""

import uuid
from pathlib import Path
from typing import ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.leased_work import TERMINAL, LeasedWork, LeasedWorkQuerySet, WorkState

__all__ = ["TERMINAL", "Epoch", "LogLine", "Priority", "QueueShare", "RunState", "TrainingRun", "Worker"]


RunState = WorkState


class Priority(models.IntegerChoices):
    """What an operator says about a waiting run; within one priority the queue is fair (`modelyard.fair_queue`)."""

    LOW = -1, _("After all others")
    NORMAL = 0, _("Normal")
    HIGH = 1, _("Before all others")


class TrainingRunQuerySet(LeasedWorkQuerySet["TrainingRun"]):
    def visible_to(self, user: User) -> Self:
        """Nobody is a member twice, so no row comes twice; asking for distinct ones would sort them by all columns."""
        return self.filter(workspace__memberships__user=user)


class TrainingRun(LeasedWork):
    """One attempt to fit a model template to a data set version.

    `plan` is `contracts.plan.Plan`, frozen at the request; `notes` are what the person was told about the data then.
    `estimate` is what it was expected to take (`runs.calibrating.Expectation`), `usage` what it took.
    `checkpoint` is the seal of the checkpoints in the object store, from which another machine goes on.
    """

    JOB = "train"
    TOPIC = "run"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, null=True, on_delete=models.SET_NULL, related_name="runs")
    model_template = models.CharField(max_length=60)
    plan = models.JSONField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)

    priority = models.SmallIntegerField(choices=Priority.choices, default=Priority.NORMAL)
    finish_requested = models.BooleanField(default=False)

    metrics = models.JSONField(default=dict)
    checkpoint = models.CharField(max_length=64, blank=True, default="")
    estimate = models.JSONField(default=dict)
    usage = models.JSONField(default=dict)
    device = models.JSONField(default=dict)
    notes = models.JSONField(default=list)

    objects = TrainingRunQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["workspace", "-created_at"], name="runs_of_a_workspace"),
            models.Index(fields=["started_at"], name="runs_by_their_beginning"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("runs:detail", args=[self.pk])

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


class QueueShare(models.Model):
    """How much of the queues a workspace gets when others wait too, in per cent of the usual; no row is 100."""

    workspace = models.OneToOneField(Workspace, primary_key=True, on_delete=models.CASCADE, related_name="queue_share")
    percent = models.PositiveSmallIntegerField()

    def __str__(self) -> str:
        return f"{self.percent} %"


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
