"""The platform API of what is seen of an endpoint: traffic, failed calls, drift, and what is kept of them."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.api_base import WorkspaceView
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.services import first_target, get_endpoint
from modelyard.errors import InvalidInput
from modelyard.monitoring import services
from modelyard.monitoring.drift import LEVELS, ColumnDrift
from modelyard.monitoring.models import FailedCall
from modelyard.monitoring.presenting import shares_of
from modelyard.monitoring.traffic import Calls, calls_since, hours_back, watch_live
from modelyard.monitoring.wording import bins_of, status_title
from modelyard.registry.models import ModelVersion

WINDOWS = {"hour": 1, "day": 24, "week": 168, "month": 720}
WINDOW = OpenApiParameter("window", str, enum=["live", *WINDOWS], default="live")


class PercentilesSerializer(serializers.Serializer[Any]):
    """Milliseconds; null without calls."""

    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)


class ErrorCountSerializer(serializers.Serializer[Any]):
    """Failed calls of one kind."""

    status = serializers.IntegerField()
    title = serializers.CharField()
    calls = serializers.IntegerField()


class VersionShareSerializer(serializers.Serializer[Any]):
    """The share of the calls that a version got, and the one that was released."""

    version = serializers.IntegerField()
    calls = serializers.IntegerField()
    share = serializers.FloatField()
    released = serializers.FloatField()


class TrafficSerializer(serializers.Serializer[Any]):
    """The calls of a window: `live` is the last ten minutes, the others are whole hours, the current one included.

    `calls_per_second` is that of the last seconds, null but for `live`.
    """

    window = serializers.CharField()
    calls = serializers.IntegerField()
    rows = serializers.IntegerField()
    failed = serializers.IntegerField()
    calls_per_second = serializers.FloatField(allow_null=True)
    latency = PercentilesSerializer()
    errors = ErrorCountSerializer(many=True)  # type: ignore[assignment]
    versions = VersionShareSerializer(many=True)


class FailedCallSerializer(serializers.ModelSerializer[FailedCall]):
    """One failed call. `row` counts from 0; `withheld`: what the caller sent was taken out of `message`."""

    title = serializers.SerializerMethodField()

    class Meta:
        model = FailedCall
        fields = (
            "id",
            "created_at",
            "status",
            "title",
            "message",
            "withheld",
            "row",
            "column",
            "version",
            "key",
            "request_id",
        )

    def get_title(self, failure: FailedCall) -> str:
        """What the status means."""
        return status_title(failure.status)


class BinSerializer(serializers.Serializer[Any]):
    """One bin and its shares of the rows."""

    title = serializers.CharField()
    training = serializers.FloatField()
    live = serializers.FloatField()


class ColumnDriftSerializer(serializers.Serializer[Any]):
    """One column. `index` is the PSI, `chance` what it exceeds once in a hundred times though nothing has moved."""

    name = serializers.CharField()
    role = serializers.CharField()
    measure = serializers.CharField()
    level = serializers.ChoiceField(choices=LEVELS)
    index = serializers.FloatField()
    chance = serializers.FloatField()
    rows = serializers.IntegerField()
    missing_training = serializers.FloatField()
    missing_live = serializers.FloatField()
    unseen_live = serializers.FloatField()
    bins = BinSerializer(many=True)


class DriftSerializer(serializers.Serializer[Any]):
    """The columns of one version, the furthest from training first. `rows` were sampled.

    Not `comparable` is a version that was trained before its training data was kept to compare with.
    """

    window = serializers.CharField()
    comparable = serializers.BooleanField()
    version = serializers.IntegerField()
    rows = serializers.IntegerField()
    level = serializers.ChoiceField(choices=LEVELS)
    columns = ColumnDriftSerializer(many=True)


class RulesSerializer(serializers.Serializer[Any]):
    """`keep_values`: the failed calls of the endpoint show what callers sent."""

    keep_values = serializers.BooleanField()


class TrafficView(WorkspaceView):
    """The calls of an endpoint: rate, latency, errors by kind, shares of the versions."""

    @extend_schema(parameters=[WINDOW], responses=TrafficSerializer)
    def get(self, request: Request, name: str) -> Response:
        endpoint = get_endpoint(self.workspace, name)
        window = _chosen(request, ("live", *WINDOWS))
        if window == "live":
            live = watch_live(endpoint)
            return Response(_plain_traffic(endpoint, window, live.shown, live.rate))
        return Response(_plain_traffic(endpoint, window, calls_since(endpoint, hours_back(WINDOWS[window])), None))


class FailureListView(WorkspaceView, ListAPIView[FailedCall]):
    """The failed calls of an endpoint that are kept, newest first."""

    serializer_class = FailedCallSerializer

    def get_queryset(self) -> QuerySet[FailedCall]:
        if getattr(self, "swagger_fake_view", False):
            return FailedCall.objects.none()
        return FailedCall.objects.filter(endpoint=get_endpoint(self.workspace, self.kwargs["name"]))


class DriftView(WorkspaceView):
    """How far inputs and predictions of an endpoint have moved from the training data."""

    @extend_schema(
        parameters=[
            OpenApiParameter("window", str, enum=list(WINDOWS), default="day"),
            OpenApiParameter("version", int, description="The one with the largest share if left out."),
        ],
        responses=DriftSerializer,
    )
    def get(self, request: Request, name: str) -> Response:
        endpoint = get_endpoint(self.workspace, name)
        window = _chosen(request, tuple(WINDOWS), "day")
        version = _chosen_version(request, endpoint)
        drift = services.drift_of(endpoint, version, hours=WINDOWS[window])
        return Response(
            {
                "window": window,
                "comparable": drift is not None and bool(drift.columns),
                "version": version.number,
                "rows": drift.rows if drift else 0,
                "level": drift.level if drift else "few",
                "columns": [_plain_column(column) for column in drift.columns] if drift else [],
            }
        )


class RulesView(WorkspaceView):
    """What is kept of an endpoint's failed calls."""

    @extend_schema(responses=RulesSerializer)
    def get(self, request: Request, name: str) -> Response:
        return Response({"keep_values": services.keeps_values(get_endpoint(self.workspace, name))})

    @extend_schema(request=RulesSerializer, responses=RulesSerializer)
    def put(self, request: Request, name: str) -> Response:
        """Let the reasons of failed calls quote what callers sent, or withhold it."""
        endpoint = get_endpoint(self.workspace, name)
        sent = RulesSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        keep = sent.validated_data["keep_values"]
        services.keep_values(endpoint, keep, by=self.person, request=request._request)
        return Response({"keep_values": keep})


def _chosen(request: Request, known: tuple[str, ...], usual: str = "live") -> str:
    wanted = request.query_params.get("window", usual)
    if wanted not in known:
        raise InvalidInput({"window": f"must be one of {', '.join(known)}, got {wanted[:40]!r}"})
    return wanted


def _chosen_version(request: Request, endpoint: Endpoint) -> ModelVersion:
    wanted = request.query_params.get("version", "")
    if not wanted:
        return first_target(endpoint).version
    versions = {str(target.version.number): target.version for target in endpoint.answering}
    if wanted not in versions:
        raise InvalidInput({"version": f"must be one that answers: {', '.join(versions)}, got {wanted[:40]!r}"})
    return versions[wanted]


def _plain_traffic(endpoint: Endpoint, window: str, calls: Calls, rate: float | None) -> dict[str, Any]:
    shares = [
        {name: share[name] for name in ("version", "calls", "share", "released")}
        for share in shares_of(endpoint, calls)
    ]
    return {
        "window": window,
        "calls": calls.calls,
        "rows": calls.rows,
        "failed": calls.failed,
        "calls_per_second": rate,
        "latency": {f"p{share}_ms": calls.quantile_ms(share / 100) for share in (50, 95, 99)},
        "errors": [
            {"status": status, "title": status_title(status), "calls": count}
            for status, count in calls.statuses.most_common()
        ],
        "versions": shares,
    }


def _plain_column(column: ColumnDrift) -> dict[str, Any]:
    reference = column.reference
    return {
        "name": reference.column,
        "role": reference.role,
        "measure": reference.measure,
        "level": column.level,
        "index": column.index,
        "chance": column.chance,
        "rows": column.rows,
        "missing_training": column.missing[0],
        "missing_live": column.missing[1],
        "unseen_live": column.unseen[1],
        "bins": [{"title": one.title, "training": one.training, "live": one.live} for one in bins_of(column)],
    }
