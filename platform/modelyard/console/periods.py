"""The stretch of time that a page of figures is about: the last 7, 30 or 90 days, today included."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

CHOICES = (7, 30, 90)
USUAL = 30


@dataclass(frozen=True, kw_only=True)
class Period:
    days: int
    start: datetime
    end: datetime

    @property
    def choices(self) -> tuple[int, ...]:
        return CHOICES


def period_of(request: HttpRequest) -> Period:
    """Read `?days=`; anything else than the choices means 30."""
    text = request.GET.get("days", "")
    days = int(text) if text in {str(choice) for choice in CHOICES} else USUAL
    now = timezone.now()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return Period(days=days, start=midnight - timedelta(days=days - 1), end=now)
