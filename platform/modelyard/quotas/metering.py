"""How much is stored for how long: the clock adds what each workspace holds now to the current day, again and again."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from modelyard.quotas.kinds import STORAGE_BYTES
from modelyard.quotas.models import Quota, StorageDay


def meter_storage(now: datetime | None = None) -> None:
    """Account for the time since the last call. While the clock was away, as much was stored as now."""
    moment = (now or timezone.now()).astimezone(UTC)
    for workspace, held in Quota.objects.filter(kind=STORAGE_BYTES.name).values_list("workspace_id", "used"):
        _meter(workspace, held, moment)


def _meter(workspace: UUID, held: int, now: datetime) -> None:
    """Go on from where measuring stopped, day by day; where another clock has just done so, leave it at that."""
    row = StorageDay.objects.filter(workspace=workspace).order_by("-day").first()
    if row is None:
        row = _begin(workspace, now)
    while row.measured_until < now:
        midnight = datetime.combine(row.day + timedelta(days=1), time(), UTC)
        until = min(now, midnight)
        grown = Decimal(held) * round((until - row.measured_until).total_seconds())
        counted = StorageDay.objects.filter(pk=row.pk, measured_until=row.measured_until)
        if not counted.update(byte_seconds=F("byte_seconds") + grown, measured_until=until) or until == now:
            return
        row = _begin(workspace, midnight)


def _begin(workspace: UUID, moment: datetime) -> StorageDay:
    return StorageDay.objects.get_or_create(
        workspace_id=workspace, day=moment.date(), defaults={"measured_until": moment}
    )[0]
