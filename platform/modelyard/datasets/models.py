"""What people bring: uploads in progress, data sets, and their immutable versions."""

import uuid
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from modelyard import storage
from modelyard.accounts.models import User, Workspace


class UploadQuerySet(models.QuerySet["Upload"]):
    def unlocked(self) -> Self:
        return self.filter(models.Q(locked_until=None) | models.Q(locked_until__lt=timezone.now()))

    def unfinished(self) -> Self:
        return self.filter(used_at=None)


class Upload(models.Model):
    """A file on its way in (tus 1.0). `offset` bytes of `length` are safely on disk.

    Whoever holds `lock` may append until `locked_until`. A finished upload becomes the data set version of the same id.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="uploads")
    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    filename = models.CharField(max_length=255)
    length = models.BigIntegerField()
    offset = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    lock = models.UUIDField(null=True)
    locked_until = models.DateTimeField(null=True)

    objects = UploadQuerySet.as_manager()

    def __str__(self) -> str:
        return self.filename


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(workspace__memberships__user=user)


class Dataset(models.Model):
    """A name for versions of the same kind of data."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(_("name"), max_length=120)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="one_dataset_name")]

    def __str__(self) -> str:
        return self.name


class VersionState(models.TextChoices):
    UPLOADED = "uploaded", _("Being read")
    READY = "ready", _("Ready")
    REJECTED = "rejected", _("Rejected")


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(dataset__workspace__memberships__user=user)

    def in_brief(self) -> Self:
        """Newest first, with `rows` and `data_kind` in place of the profile, which may be megabytes."""
        found = self.annotate(rows=models.F("profile__rows"), data_kind=models.F("profile__kind"))
        return found.defer("profile", "kinds").order_by("-number")

    def claimable(self, stale: datetime) -> Self:
        """Being read by nobody, or by a worker that claimed it before `stale` and never came back."""
        unclaimed = models.Q(claimed_at=None) | models.Q(claimed_at__lt=stale)
        return self.filter(unclaimed, state=VersionState.UPLOADED)


class DatasetVersion(models.Model):
    """One immutable version: the file, its digest, and what ingesting found (`contracts.profile.Profile`).

    `attempts` counts the claims of the workers that read it, and is the fence of the current one.

    `seal` is what its folder is opened with (`modelyard.storage`): first the file alone, then what reading left too.

    `kinds` holds the kinds that a person corrected by hand, by column name; everything else is the profile's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=VersionState.choices, default=VersionState.UPLOADED)
    filename = models.CharField(max_length=255)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=64, blank=True, default="")
    profile = models.JSONField(null=True)
    kinds = models.JSONField(default=dict)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)

    objects = DatasetVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["dataset", "number"], name="one_dataset_version")]

    def __str__(self) -> str:
        return f"{self.dataset.name} v{self.number}"

    def opened(self, *names: str) -> AbstractContextManager[Path]:
        """The folder (its content: `contracts.profile`), or these files and folders of it, as long as it is read."""
        return storage.opened(storage.version_folder(self.pk), self.seal, *names)
