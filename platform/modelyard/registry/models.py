"""What training leaves: named models and their numbered, immutable versions."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.models import User, Workspace
from modelyard.runs.models import TrainingRun


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(workspace__memberships__user=user).distinct()


class RegisteredModel(models.Model):
    """A name for versions of a model."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="one_model_name")]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    """One result of training. `sha256` is the digest of the artifact's manifest; the artifact lies in `storage.artifact(id)`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, null=True, on_delete=models.SET_NULL, related_name="model_version")
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    task = models.CharField(max_length=30)
    signature = models.JSONField()
    metrics = models.JSONField()
    report = models.JSONField()
    lineage = models.JSONField()
    formats = models.JSONField(default=list)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["model", "number"], name="one_model_version")]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"


class Alias(models.Model):
    """A word for a version, such as `champion`."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=60)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["model", "name"], name="one_alias")]
