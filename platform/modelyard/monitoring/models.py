"""What was seen of endpoints: calls by the hour, failed calls, how inputs and predictions were distributed."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from modelyard.contracts.observations import Rules
from modelyard.endpoints.models import Endpoint


class EndpointRules(models.Model):
    """What people decided on one endpoint; none means the defaults. `keep_values`: failed calls show what was sent."""

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, primary_key=True, related_name="rules")
    keep_values = models.BooleanField(_("keep values"), default=False)

    def __str__(self) -> str:
        return self.endpoint.name

    @property
    def published(self) -> Rules:
        return Rules(keep_values=self.keep_values)


class CallHour(models.Model):
    """Calls of one version in one hour (UTC). Version 0 are those refused before a version was chosen.

    `statuses` counts the failed calls by HTTP status, `latencies` all calls by bucket of
    `contracts.observations.LATENCY_BOUNDS`; both are sparse.
    """

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="call_hours")
    version = models.PositiveIntegerField()
    hour = models.DateTimeField(db_index=True)
    calls = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)
    statuses = models.JSONField(default=dict)
    latencies = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "version", "hour"], name="one_hour_of_calls"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} v{self.version} {self.hour:%Y-%m-%d %H}: {self.calls}"


class InputHour(models.Model):
    """How a sample of the rows of one version in one hour fell into the bins of its reference: `counts` by column."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="input_hours")
    version = models.PositiveIntegerField()
    hour = models.DateTimeField(db_index=True)
    rows = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["endpoint", "version", "hour"], name="one_hour_of_inputs"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} v{self.version} {self.hour:%Y-%m-%d %H}: {self.rows}"


class FailedCall(models.Model):
    """One refused call and why. `row` counts from 0; `withheld`: what callers sent was taken out of `message`."""

    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="failed_calls")
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    message = models.CharField(max_length=300)
    withheld = models.BooleanField(default=True)
    row = models.PositiveIntegerField(null=True)
    column = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=8, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["endpoint", "-created_at"], name="newest_failed_calls")]

    def __str__(self) -> str:
        return f"{self.status}: {self.message}"
