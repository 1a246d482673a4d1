"""Retention: letting go of the oldest events. The chain goes on from an event that says where it was cut."""

from datetime import datetime

from django.db.models import Max, Min

from modelyard.accounts.audit.guarding import lifted
from modelyard.accounts.audit.pinning import TRIM, Pin
from modelyard.accounts.audit.sealing import seal_events
from modelyard.accounts.models import AuditEvent, AuditSeal
from modelyard.accounts.services import record


def trim_events(before: datetime) -> int:
    """Remove the events of the beginning of the chain up to the first one not older than `before`."""
    seal_events(whole=True)
    kept = AuditEvent.objects.filter(at__gte=before).values("pk")
    first = AuditSeal.objects.filter(event__in=kept).aggregate(seq=Min("seq"))["seq"]
    newest: int = AuditSeal.objects.aggregate(seq=Max("seq"))["seq"] or 0
    last = AuditSeal.objects.filter(seq=(first or newest) - 1).first()
    if last is None:
        return 0
    through = Pin(last.seq, last.hash)
    with lifted():
        gone = AuditSeal.objects.filter(seq__lte=through.seq)
        removed, _each = AuditEvent.objects.filter(pk__in=gone.values("event")).delete()
        gone.delete()
        record(
            TRIM,
            f"before {before.isoformat()}",
            by=None,
            workspace=None,
            through=through.seq,
            hash=through.hash,
            events=removed,
        )
    seal_events()
    return removed
