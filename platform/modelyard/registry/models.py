"""What training leaves: named models and their numbered, immutable versions."""

import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.artifact import MANIFEST
from modelyard.contracts.signature import Signature
from modelyard.runs.models import TrainingRun


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(workspace__memberships__user=user)

    def with_versions(self) -> Self:
        """Fetch the versions too, newest first, with their aliases and who made them."""
        versions = ModelVersion.objects.select_related("created_by").prefetch_related("aliases").order_by("-number")
        return self.prefetch_related(models.Prefetch("versions", versions))


class RegisteredModel(models.Model):
    """A name for versions of a model. `last_number` only grows: a deleted version's number is not given again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(_("name"), max_length=120)
    last_number = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="one_model_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("registry:detail", args=[self.id])


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(model__workspace__memberships__user=user)


class ModelVersion(models.Model):
    """One result of training. `sha256` is the digest of the artifact's manifest; `formats` are its downloads."""

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

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["model", "number"], name="one_model_version")]

    def __str__(self) -> str:
        return f"{self.model.name} v{self.number}"

    def get_absolute_url(self) -> str:
        return reverse("registry:version", args=[self.model_id, self.number])

    @property
    def folder(self) -> Path:
        """The folder of the artifact."""
        return storage.artifact_folder(self.id)

    def opened(self, *names: str) -> AbstractContextManager[Path]:
        """The folder of the artifact, or these files of it, for as long as it is read."""
        return storage.opened(self.folder, self.sha256, *names, manifest=MANIFEST)

    @property
    def promise(self) -> Signature:
        """What this version takes and gives."""
        return Signature.from_json(self.signature)


class Alias(models.Model):
    """A word for a version, such as `champion`."""

    model = models.ForeignKey(RegisteredModel, on_delete=models.CASCADE, related_name="aliases")
    name = models.CharField(max_length=60)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="aliases")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["model", "name"], name="one_alias")]

    def __str__(self) -> str:
        return f"{self.name} of {self.version}"
