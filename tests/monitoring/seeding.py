"""Something seen of an endpoint, for pages to show: failed calls, errors by kind, and inputs that have drifted."""

from datetime import timedelta

from django.utils import timezone

from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.models import CallHour, FailedCall, InputHour
from tests.monitoring.telling import MOVED, give_reference


def seed_monitoring(endpoint: Endpoint) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for version in endpoint.model.versions.all():
        give_reference(version)
        CallHour.objects.create(
            endpoint=endpoint,
            version=version.number,
            hour=hour,
            calls=900,
            rows=2100,
            seconds=3.1,
            statuses={"400": 12, "429": 3, "503": 1},
            latencies={"20": 700, "26": 180, "33": 20},
        )
        counts = {name: list(count) for name, count in MOVED.items()}
        InputHour.objects.create(endpoint=endpoint, version=version.number, hour=hour, rows=200, counts=counts)
    FailedCall.objects.bulk_create(
        FailedCall(
            endpoint=endpoint,
            version=number % 3,
            created_at=timezone.now() - timedelta(minutes=7 * number),
            status=429 if number % 3 == 0 else 400,
            message="the workspace may make 20 requests a second; slow down and try again"
            if number % 3 == 0
            else "instances[0]: column 'age' must be a number, got …",
            column="" if number % 3 == 0 else "age",
            row=None if number % 3 == 0 else 0,
            key="abcd1234",
            request_id=f"4f1d6f0a5b{number:012x}",
        )
        for number in range(12)
    )
