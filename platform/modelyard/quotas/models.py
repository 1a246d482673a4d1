"""Limits of a workspace, and the ledger that says what was taken, given back and used up."""

from typing import ClassVar

from django.db import models

from modelyard.accounts.models import Workspace


class Quota(models.Model):
    """One limit and what stands against it in the current period.

    A reservation is one conditional UPDATE of this row (`used + reserved + amount <= limit`), so that no two requests
    can both take what is left. `period` is "" for what is held now and "YYYY-MM" for what starts anew each month.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="quotas")
    kind = models.CharField(max_length=30)
    period = models.CharField(max_length=7, blank=True, default="")
    limit = models.BigIntegerField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "kind", "period"], name="one_quota")]

    def __str__(self) -> str:
        return f"{self.kind} {self.period}".strip()


class EntryState(models.TextChoices):
    RESERVED = "reserved"
    COMMITTED = "committed"
    REFUNDED = "refunded"


class UsageEntry(models.Model):
    """One line of the ledger. `subject` names what it was taken for ("run:…", "upload:…"), once per quota."""

    quota = models.ForeignKey(Quota, on_delete=models.CASCADE, related_name="entries")
    subject = models.CharField(max_length=120)
    state = models.CharField(max_length=10, choices=EntryState.choices)
    amount = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["quota", "subject"], name="one_entry")]

    def __str__(self) -> str:
        return f"{self.subject} {self.state}"
