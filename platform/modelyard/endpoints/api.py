"""The platform API of endpoints and their releases, and of aliases, which the callers of endpoints may name."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.api_base import WorkspaceView
from modelyard.endpoints import services
from modelyard.endpoints.addresses import predict_url, protocols_of
from modelyard.endpoints.guarding import in_words
from modelyard.endpoints.models import Endpoint, Release, ShadowResult
from modelyard.endpoints.states import TITLES, read_reports, state_of
from modelyard.errors import InvalidInput
from modelyard.idempotency import idempotent
from modelyard.registry import services as registry


class ShareSerializer(serializers.Serializer[Any]):
    """A version and its share of the calls."""

    version = serializers.IntegerField(min_value=1)
    percent = serializers.IntegerField(min_value=1, max_value=100)


class SplitSerializer(serializers.Serializer[Any]):
    """Either one version, or several that share the calls."""

    version = serializers.IntegerField(min_value=1, required=False)
    split = ShareSerializer(many=True, required=False)

    def chosen_split(self) -> list[dict[str, int]]:
        """The split that was sent. Raises `InvalidInput` unless exactly one form was."""
        values = self.validated_data
        if ("version" in values) == ("split" in values):
            raise InvalidInput({"version": 'send either "version" or "split": [{"version", "percent"}]'})
        if "version" in values:
            return [{"version": values["version"], "percent": 100}]
        return [dict(share) for share in values["split"]]


class GuardSerializer(serializers.Serializer[Any]):
    """When the platform takes a release back by itself; `error_rate` or `latency_factor` must be given."""

    error_rate = serializers.FloatField(
        min_value=0,
        max_value=1,
        required=False,
        allow_null=True,
        help_text="how much higher the share of faults may be",
    )
    latency_factor = serializers.FloatField(
        min_value=1,
        max_value=100,
        required=False,
        allow_null=True,
        help_text="how many times the former p95 is too slow",
    )
    minimum_requests = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, default=50)
    window_minutes = serializers.IntegerField(min_value=1, max_value=10_080, required=False, default=30)


class NewReleaseSerializer(SplitSerializer):
    """A release says everything: what it leaves out is off from then on."""

    keys = serializers.DictField(
        child=serializers.IntegerField(min_value=1), required=False, help_text="versions for API keys, by the key's id"
    )
    shadow = serializers.IntegerField(
        min_value=1, required=False, allow_null=True, help_text="a version that is asked too and never heard"
    )
    guard = GuardSerializer(required=False, allow_null=True)


class NewEndpointSerializer(SplitSerializer):
    """What a new endpoint needs: a name and a version of a model."""

    name = serializers.CharField(max_length=200)
    model = serializers.CharField(max_length=200)


class ShadowResultSerializer(serializers.ModelSerializer[ShadowResult]):
    """How a shadow compares: `agreement` of labels, `mean_difference` of values."""

    agreement = serializers.FloatField(allow_null=True)
    mean_difference = serializers.FloatField(allow_null=True)

    class Meta:
        model = ShadowResult
        fields = ("compared", "agreement", "mean_difference", "failed", "skipped")


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """The fact that an endpoint was pointed at versions. `reason` is there where the platform did it by itself."""

    split = ShareSerializer(many=True)
    keys = serializers.DictField(child=serializers.IntegerField())
    guard = GuardSerializer(allow_null=True)
    reason = serializers.SerializerMethodField()
    shadow_result = ShadowResultSerializer(allow_null=True, default=None)
    created_by = serializers.StringRelatedField[Any](allow_null=True)

    class Meta:
        model = Release
        fields = (
            "id",
            "split",
            "keys",
            "shadow",
            "shadow_result",
            "guard",
            "verdict",
            "reason",
            "created_at",
            "created_by",
        )

    def get_reason(self, release: Release) -> str:
        """Why the platform rolled back to this."""
        return in_words(release.reason) if release.reason else ""


class EndpointSerializer(serializers.ModelSerializer[Endpoint]):
    """An endpoint: ready for callers when `state` is `live`. `reports` of predictors may come in the context."""

    model = serializers.CharField(source="model.name")
    state = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()
    protocols = serializers.SerializerMethodField()
    split = serializers.SerializerMethodField()

    class Meta:
        model = Endpoint
        fields = ("id", "name", "model", "state", "message", "url", "protocols", "split", "created_at")

    @extend_schema_field(serializers.ChoiceField(choices=list(TITLES)))
    def get_state(self, endpoint: Endpoint) -> str:
        return state_of(endpoint, self.context.get("reports")).state

    def get_message(self, endpoint: Endpoint) -> str:
        """What is wrong, where something is."""
        return state_of(endpoint, self.context.get("reports")).message

    def get_url(self, endpoint: Endpoint) -> str:
        return predict_url(endpoint)

    def get_protocols(self, endpoint: Endpoint) -> dict[str, dict[str, str]]:
        return protocols_of(endpoint)

    @extend_schema_field(ShareSerializer(many=True))
    def get_split(self, endpoint: Endpoint) -> list[dict[str, int]]:
        shares = [{"version": target.version.number, "percent": target.percent} for target in endpoint.answering]
        return [share for share in shares if share["percent"]]


class EndpointDetailSerializer(EndpointSerializer):
    """An endpoint with its signature and its releases, newest first."""

    signature = serializers.SerializerMethodField()
    releases = serializers.SerializerMethodField()

    class Meta:
        model = Endpoint
        fields = (*EndpointSerializer.Meta.fields, "signature", "releases")

    def get_signature(self, endpoint: Endpoint) -> dict[str, Any]:
        return services.promise_of(endpoint).to_json()

    @extend_schema_field(ReleaseSerializer(many=True))
    def get_releases(self, endpoint: Endpoint) -> Any:
        newest = endpoint.releases.select_related("created_by", "shadow_result").order_by("-id")[:100]
        return ReleaseSerializer(newest, many=True).data


class AliasSerializer(serializers.Serializer[Any]):
    """The version that an alias means."""

    version = serializers.IntegerField(min_value=1)


class EndpointListView(WorkspaceView, ListAPIView[Endpoint]):
    """The endpoints of the workspace, newest first."""

    serializer_class = EndpointSerializer

    def get_queryset(self) -> QuerySet[Endpoint]:
        if getattr(self, "swagger_fake_view", False):
            return Endpoint.objects.none()
        mine = Endpoint.objects.filter(workspace=self.workspace)
        return mine.select_related("model").prefetch_related("targets__version")

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "reports": read_reports()}

    @extend_schema(request=NewEndpointSerializer, responses={201: EndpointSerializer})
    @idempotent()
    def post(self, request: Request) -> Response:
        """Publish a model version under a name; ready when `state` is `live`."""
        sent = NewEndpointSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        model = registry.get_model(self.workspace, sent.validated_data["model"])
        name, split = sent.validated_data["name"], sent.chosen_split()
        endpoint = services.publish(self.workspace, name, model, split, by=self.person, request=request._request)
        return Response(EndpointSerializer(endpoint).data, status=201)


class EndpointView(WorkspaceView):
    """One endpoint."""

    @extend_schema(responses=EndpointDetailSerializer)
    def get(self, request: Request, name: str) -> Response:
        return Response(EndpointDetailSerializer(services.get_endpoint(self.workspace, name)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Delete the endpoint; its callers get "not found" from now on."""
        services.retire(services.get_endpoint(self.workspace, name), by=self.person, request=request._request)
        return Response(status=204)


class ReleaseListView(WorkspaceView):
    """The releases of an endpoint."""

    @extend_schema(request=NewReleaseSerializer, responses={201: ReleaseSerializer})
    @idempotent()
    def post(self, request: Request, name: str) -> Response:
        """Let the endpoint answer with other versions; rolling back is a release of the former version."""
        endpoint = services.get_endpoint(self.workspace, name)
        sent = NewReleaseSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        more = {name: sent.validated_data.get(name) for name in ("keys", "shadow", "guard")}
        made = services.release(endpoint, sent.chosen_split(), by=self.person, request=request._request, **more)
        return Response(ReleaseSerializer(made).data, status=201)


class AliasView(WorkspaceView):
    """A word for a version of a model."""

    @extend_schema(request=AliasSerializer, responses=AliasSerializer)
    def put(self, request: Request, name: str, alias: str) -> Response:
        """Let the alias mean a version, whichever it meant before."""
        sent = AliasSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        model = registry.get_model(self.workspace, name)
        version = registry.get_version(model, sent.validated_data["version"])
        services.set_alias(version, alias, by=self.person, request=request._request)
        return Response({"version": version.number})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str, alias: str) -> Response:
        """Take the alias away."""
        model = registry.get_model(self.workspace, name)
        services.remove_alias(model, alias, by=self.person, request=request._request)
        return Response(status=204)
