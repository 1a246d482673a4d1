"""What is kept about keeping: receipts of deletions, how long a workspace keeps things, exports of a person's data."""

import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from modelyard import storage
from modelyard.accounts.models import User, Workspace

TITLES = {
    "dataset": _("data set"),
    "data set": _("data set with everything made of it"),
    "model version": _("model version"),
    "model": _("model"),
    "batch prediction": _("batch prediction"),
    "run": _("training run"),
    "runs": _("training runs"),
    "workspace": _("workspace"),
    "person": _("account"),
}
"""What each kind of deletion is called."""


class Receipt(models.Model):
    """What was deleted. It names people and workspaces by id alone, without a key, and outlives them.

    `rows` counts what went from the database, by model; `digest` covers everything that the receipt says and is in the
    audit log too, which is chained.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(default=timezone.now, db_index=True)
    kind = models.CharField(max_length=30)
    subject = models.CharField(max_length=40)
    workspace = models.UUIDField(null=True, db_index=True)
    by = models.UUIDField(null=True, db_index=True)
    rows = models.JSONField(default=dict)
    files = models.PositiveBigIntegerField(default=0)
    bytes = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"

    @property
    def title(self) -> str:
        return str(TITLES.get(self.kind, self.kind))


class Retention(models.Model):
    """How many days a workspace keeps things; nothing said: until somebody deletes them."""

    workspace = models.OneToOneField(Workspace, on_delete=models.CASCADE, primary_key=True, related_name="retention")
    datasets = models.PositiveIntegerField(_("data sets"), null=True, blank=True)
    runs = models.PositiveIntegerField(_("training runs"), null=True, blank=True)
    batches = models.PositiveIntegerField(_("batch predictions"), null=True, blank=True)
    failed_calls = models.PositiveIntegerField(_("failed calls"), null=True, blank=True)

    def __str__(self) -> str:
        return f"retention of {self.workspace_id}"


class ExportState(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Being made")
    READY = "ready", _("Ready")
    FAILED = "failed", _("Failed")


class Export(models.Model):
    """Everything that one person owns, as a zip. `done` of `total` pieces are in it; the file goes at `expires_at`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
    state = models.CharField(max_length=10, choices=ExportState.choices, default=ExportState.QUEUED)
    created_at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(auto_now_add=True)
    attempt = models.PositiveSmallIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    size = models.PositiveBigIntegerField(default=0)
    seal = models.CharField(max_length=64, blank=True, default="")
    expires_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]

    def __str__(self) -> str:
        return f"export {self.pk}"

    @property
    def folder(self) -> Path:
        return storage.export_folder(self.pk)

    @property
    def fraction(self) -> float | None:
        """How much of it is made; None while nobody has begun."""
        return self.done / self.total if self.total else None

    @property
    def unfinished(self) -> bool:
        return self.state in (ExportState.QUEUED, ExportState.RUNNING)

    def opened(self) -> AbstractContextManager[Path]:
        return storage.opened(self.folder, self.seal)
