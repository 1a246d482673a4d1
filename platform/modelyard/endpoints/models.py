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
        return self.filter(workspace__memberships__user=user)


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

    @property
    def answering(self) -> list["Target"]:
        """The versions that callers may get an answer from, in the order of their numbers."""
        targets = [target for target in self.targets.all() if not target.is_shadow]
        return sorted(targets, key=lambda target: target.version.number)

    @property
    def shadow(self) -> "Target | None":
        """The version that is asked too and never heard."""
        return next((target for target in self.targets.all() if target.is_shadow), None)


class Verdict(models.TextChoices):
    """What came of the guard of a release."""

    WATCHING = "watching", _("being watched")
    PASSED = "passed", _("passed")
    UNJUDGED = "unjudged", _("too few calls to judge")
    TRIPPED = "tripped", _("rolled back")
    STUCK = "stuck", _("to be rolled back, but what was before is gone")
    REPLACED = "replaced", _("replaced while it was watched")


class Release(models.Model):
    """The fact that an endpoint was pointed at versions.

    `split` is [{"version": 3, "percent": 100}], `keys` {"<key id>": 4}, `guard` a `guarding.Guard` as JSON. `reason` is
    the `guarding.Breach` for which the platform made this release by itself.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="releases")
    split = models.JSONField()
    keys = models.JSONField(default=dict)
    shadow = models.PositiveIntegerField(null=True)
    guard = models.JSONField(null=True)
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True, db_index=True)
    reason = models.JSONField(null=True)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.endpoint.name}: {self.split}"


class Target(models.Model):
    """A version that an endpoint asks now, and its share of the calls. It keeps the version from deletion.

    A share of 0 answers only the keys that the release names, or nobody where it is the shadow.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="targets")
    version = models.ForeignKey(ModelVersion, on_delete=models.RESTRICT, related_name="targets")
    percent = models.PositiveSmallIntegerField()
    is_shadow = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["endpoint", "version"], name="one_target")]

    def __str__(self) -> str:
        return self.endpoint.name


class PredictionUsage(models.Model):
    """Calls of one version behind an endpoint with one key in one hour (UTC), folded from what the predictors report.

    `key` is empty for calls from the playground. `predictions` are rows answered; `faults` are those of `errors` that
    were not the caller's; `latencies` counts calls by the upper bounds of `contracts.route.LATENCY_BOUNDS`, the last
    one open.
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
    faults = models.BigIntegerField(default=0)
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


class VersionMinute(models.Model):
    """Calls of one version of an endpoint in one minute, kept only while a guard watches the endpoint's release."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="version_minutes")
    version = models.PositiveIntegerField()
    minute = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    faults = models.BigIntegerField(default=0)
    latencies = models.JSONField(default=list)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "version", "minute"], name="one_version_minute")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} version {self.version} {self.minute:%H:%M}: {self.requests}"


class ShadowResult(models.Model):
    """How the shadow of a release compares with what callers got; fields as in `contracts.route.Shadowing`."""

    release = models.OneToOneField(Release, on_delete=models.CASCADE, related_name="shadow_result")
    compared = models.BigIntegerField(default=0)
    agreed = models.BigIntegerField(default=0)
    difference = models.FloatField(default=0)
    failed = models.BigIntegerField(default=0)
    skipped = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.release_id}: {self.compared}"

    @property
    def agreement(self) -> float | None:
        """The share of equal labels."""
        return self.agreed / self.compared if self.compared else None

    @property
    def mean_difference(self) -> float | None:
        """The mean absolute difference of values."""
        return self.difference / self.compared if self.compared else None


class FoldedEntry(models.Model):
    """How far a stream of the predictors was folded: a crash between folding and deleting counts nothing twice."""

    stream = models.CharField(primary_key=True, max_length=60)
    last_id = models.CharField(max_length=40)

    def __str__(self) -> str:
        return f"{self.stream} up to {self.last_id}"
