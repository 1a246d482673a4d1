"""Limits of a workspace, and the ledger that says what was taken, given back and used up."""

from typing import ClassVar

from django.db import models

from modelyard.accounts.models import User, Workspace


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


def _price(words: str) -> models.DecimalField:  # type: ignore[type-arg]
    return models.DecimalField(words, max_digits=18, decimal_places=9, default=0)


class PriceList(models.Model):
    """What one of each thing costs from a day (UTC) on, until a later list takes over; in force it never changes."""

    from_day = models.DateField(unique=True)
    currency = models.CharField(max_length=3)
    call = _price("a call that was answered")
    row = _price("a row predicted")
    cpu_second = _price("a second of training on a processor")
    gpu_second = _price("a second of training on a GPU")
    gb_month = _price("a GB (1024³ bytes) stored for 30 days")
    set_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    set_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.currency} from {self.from_day}"


class StorageDay(models.Model):
    """What a workspace stored on a day (UTC), as bytes times seconds, measured up to `measured_until`."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="storage_days")
    day = models.DateField()
    byte_seconds = models.DecimalField(max_digits=30, decimal_places=0, default=0)
    measured_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["workspace", "day"], name="one_storage_day")]

    def __str__(self) -> str:
        return f"{self.day}: {self.byte_seconds}"


class QuotaWarning(models.Model):
    """That a workspace has reached a share of a limit, once for each month; `told_at` once everybody was told by mail.

    `claimed_until` keeps other clocks from telling it too while one does.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="quota_warnings")
    kind = models.CharField(max_length=30)
    month = models.CharField(max_length=7)
    percent = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    claimed_until = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "kind", "month", "percent"], name="one_quota_warning")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.month} {self.percent} %"
