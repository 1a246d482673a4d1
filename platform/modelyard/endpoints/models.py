"""Where models answer: endpoints, their releases, and the calls they got."""

import uuid
from typing import ClassVar, Self

from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.route import Route
from modelyard.registry.models import ModelVersion, RegisteredModel


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(workspace__memberships__user=user).distinct()


class Endpoint(models.Model):
    """A stable name that predicts, unique in its workspace. What it answers with now are its `targets`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="endpoints")
    name = models.CharField(_("name"), max_length=60)
    model = models.ForeignKey(RegisteredModel, on_delete=models.RESTRICT, related_name="endpoints")
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "name"], name="one_endpoint_name")]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("endpoints:detail", args=[self.id])

    @property
    def route_field(self) -> str:
        """The name of this endpoint's route in Redis."""
        return Route(name=self.name, workspace=str(self.workspace_id), endpoint="", model="", targets=()).field


class Release(models.Model):
    """The fact that an endpoint was pointed at versions: `split` is [{"version": 3, "percent": 100}]."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="releases")
    split = models.JSONField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.endpoint.name}: {self.split}"


class Target(models.Model):
    """A version that an endpoint answers with now, and its share of the calls. It keeps the version from deletion."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="targets")
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="targets")
    percent = models.PositiveSmallIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["endpoint", "version"], name="one_target")]

    def __str__(self) -> str:
        return self.endpoint.name


class PredictionUsage(models.Model):
    """Calls of one version behind an endpoint with one key in one hour (UTC), folded from what the predictors report.

    `key` is empty for calls from the playground. `predictions` are rows answered; `latencies` counts calls by the upper
    bounds of `contracts.route.LATENCY_BOUNDS`, the last one open.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="prediction_usage")
    endpoint = models.CharField(max_length=60)
    key = models.CharField(max_length=8, blank=True)
    user = models.CharField(max_length=36, blank=True)
    version = models.PositiveIntegerField(default=0)
    hour = models.DateTimeField(db_index=True)
    requests = models.BigIntegerField(default=0)
    predictions = models.BigIntegerField(default=0)
    errors = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    latencies = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "endpoint", "key", "user", "version", "hour"], name="one_usage_hour"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.hour:%Y-%m-%d %H}: {self.requests}"


class FoldedEntry(models.Model):
    """How far the predictors' usage stream was folded: a crash between folding and deleting counts nothing twice."""

    stream = models.CharField(primary_key=True, max_length=60)
    last_id = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.stream} up to {self.last_id}"
