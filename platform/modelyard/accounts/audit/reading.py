"""Reading events that may have been tampered with, so that one which makes no sense hides no other."""

from collections.abc import Iterable

from modelyard.accounts.models import AuditEvent


def read_events(numbers: Iterable[int]) -> dict[int, AuditEvent]:
    """The events by number. One that cannot be read, such as details that are no JSON, comes empty: never genuine."""
    asked = list(numbers)
    try:
        return AuditEvent.objects.in_bulk(asked)
    except (TypeError, ValueError):
        return {number: event for number in asked if (event := _read(number)) is not None}


def _read(number: int) -> AuditEvent | None:
    try:
        return AuditEvent.objects.filter(pk=number).first()
    except (TypeError, ValueError):
        return AuditEvent(pk=number, action="unreadable")


def describe(event: AuditEvent) -> str:
    return f"event {event.pk} of {event.at} ({event.action!s:.60} {event.subject!s:.60})"
