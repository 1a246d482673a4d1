"""`GET usage`: what the workspace used between two moments."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.api_base import WorkspaceView
from modelyard.endpoints.usage import GROUPINGS, Grouping, UsageLine, report_usage
from modelyard.errors import InvalidInput

DEFAULT_DAYS = 30
MOST_DAYS = 366
FIRST_YEAR, LAST_YEAR = 2000, 2999


class LatencySerializer(serializers.Serializer[Any]):
    """Milliseconds; null where nothing was called."""

    mean_ms = serializers.FloatField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)


class UsageLineSerializer(serializers.Serializer[Any]):
    """What one group used. `predictions` and `rows` are rows answered, `requests` calls, `errors` calls that failed.

    `cost` is currency to amount, empty without prices; storage is part of the days and of the total.
    """

    group = serializers.CharField()
    title = serializers.CharField()
    requests = serializers.IntegerField()
    predictions = serializers.IntegerField()
    rows = serializers.IntegerField()
    errors = serializers.IntegerField()  # type: ignore[assignment]
    latency = LatencySerializer()
    training_seconds = serializers.FloatField(allow_null=True)
    cost = serializers.DictField(child=serializers.CharField())


class UsageSerializer(serializers.Serializer[Any]):
    """The groups, and everything together. `storage_bytes` is what is held now."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    group_by = serializers.ChoiceField(choices=GROUPINGS)
    results = UsageLineSerializer(many=True)
    total = UsageLineSerializer()
    storage_bytes = serializers.IntegerField()


class UsageView(WorkspaceView):
    """What was used, by day, endpoint, key or person."""

    @extend_schema(
        parameters=[
            OpenApiParameter("from", str, description="A day (UTC) or an ISO 8601 time; 30 days ago if left out."),
            OpenApiParameter("to", str, description="A day, included, or a time, excluded; now if left out."),
            OpenApiParameter("group_by", str, enum=GROUPINGS, default="day"),
        ],
        responses=UsageSerializer,
    )
    def get(self, request: Request) -> Response:
        start, end, grouping = asked_period(request)
        report = report_usage(self.workspace, start, end, grouping)
        return Response(
            {
                "start": start,
                "end": end,
                "group_by": grouping,
                "results": [_plain(line) for line in report.lines],
                "total": _plain(report.total),
                "storage_bytes": report.storage_bytes,
            }
        )


def asked_period(request: Request) -> tuple[datetime, datetime, Grouping]:
    """The period and the grouping that were asked for. Raises `InvalidInput`."""
    end = _moment(request, "to", end_of_day=True) or timezone.now()
    start = _moment(request, "from", end_of_day=False) or end - timedelta(days=DEFAULT_DAYS)
    if start >= end:
        raise InvalidInput({"from": f"must be before to, got {start.isoformat()} and {end.isoformat()}"})
    if end - start > timedelta(days=MOST_DAYS):
        raise InvalidInput({"from": f"must be at most {MOST_DAYS} days before to, got {(end - start).days}"})
    wanted = request.query_params.get("group_by", "day")
    grouping = next((known for known in GROUPINGS if known == wanted), None)
    if grouping is None:
        raise InvalidInput({"group_by": f"must be one of {', '.join(GROUPINGS)}, got {wanted[:40]!r}"})
    return start, end, grouping


def _moment(request: Request, name: str, *, end_of_day: bool) -> datetime | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError:
        day, moment = None, None
    if day is not None:
        moment = datetime.combine(day, time(), UTC)
    if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidInput({name: f"must be a day such as 2026-01-31 or an ISO 8601 time, got {text[:40]!r}"})
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return moment + timedelta(days=1) if day is not None and end_of_day else moment


def _plain(line: UsageLine) -> dict[str, Any]:
    calls = line.calls
    return {
        "group": line.group,
        "title": line.title,
        "requests": calls.requests,
        "predictions": calls.predictions,
        "rows": calls.predictions,
        "errors": calls.errors,
        "latency": {"mean_ms": calls.mean_ms(), "p50_ms": calls.quantile_ms(0.5), "p95_ms": calls.quantile_ms(0.95)},
        "training_seconds": line.training_seconds,
        "cost": line.cost.to_json(),
    }
