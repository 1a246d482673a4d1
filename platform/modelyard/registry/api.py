"""The platform API of models, their versions and downloads."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.api_base import WorkspaceView
from modelyard.contracts.artifact import DOWNLOADS
from modelyard.errors import InvalidInput
from modelyard.registry import services
from modelyard.registry.deriving import choose_threshold
from modelyard.registry.downloads import open_download
from modelyard.registry.models import ModelVersion, RegisteredModel
from modelyard.streamed_file import StreamedFile


class VersionSummarySerializer(serializers.ModelSerializer[ModelVersion]):
    """A version in a list."""

    created_by = serializers.StringRelatedField[Any](allow_null=True)
    aliases = serializers.SlugRelatedField[Any](slug_field="name", many=True, read_only=True)
    headline = serializers.SerializerMethodField()

    class Meta:
        model = ModelVersion
        fields = (
            "id",
            "number",
            "task",
            "headline",
            "metrics",
            "aliases",
            "formats",
            "size",
            "created_at",
            "created_by",
        )
        read_only_fields = fields

    def get_headline(self, version: ModelVersion) -> dict[str, Any] | None:
        headline: dict[str, Any] | None = version.report.get("headline")
        return headline


@extend_schema_serializer(component_name="ModelVersion")
class VersionSerializer(VersionSummarySerializer):
    """A version with everything that is known of it."""

    model = serializers.CharField(source="model.name")
    run = serializers.UUIDField(source="run_id", allow_null=True)

    class Meta:
        model = ModelVersion
        fields = (
            *VersionSummarySerializer.Meta.fields,
            "model",
            "run",
            "sha256",
            "signature",
            "report",
            "lineage",
        )
        read_only_fields = fields


class ModelSerializer(serializers.ModelSerializer[RegisteredModel]):
    """A model with its versions, newest first."""

    versions = VersionSummarySerializer(many=True)
    aliases = serializers.SerializerMethodField()

    class Meta:
        model = RegisteredModel
        fields = ("id", "name", "created_at", "aliases", "versions")
        read_only_fields = fields

    def get_aliases(self, model: RegisteredModel) -> dict[str, int]:
        return {alias.name: version.number for version in model.versions.all() for alias in version.aliases.all()}


class ModelListView(WorkspaceView, ListAPIView[RegisteredModel]):
    """The models of the workspace, newest first."""

    serializer_class = ModelSerializer

    def get_queryset(self) -> QuerySet[RegisteredModel]:
        if getattr(self, "swagger_fake_view", False):
            return RegisteredModel.objects.none()
        return RegisteredModel.objects.filter(workspace=self.workspace).with_versions()


class ModelView(WorkspaceView):
    """One model."""

    @extend_schema(responses=ModelSerializer)
    def get(self, request: Request, name: str) -> Response:
        model = services.get_model(self.workspace, name)
        return Response(ModelSerializer(RegisteredModel.objects.with_versions().get(pk=model.pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Delete the model with all its versions; refused while an endpoint belongs to it."""
        services.delete_model(services.get_model(self.workspace, name), by=self.person, request=request._request)
        return Response(status=204)


class VersionView(WorkspaceView):
    """One version of a model: metrics, report, lineage, signature."""

    @extend_schema(responses=VersionSerializer)
    def get(self, request: Request, name: str, number: int) -> Response:
        version = services.get_version(services.get_model(self.workspace, name), number)
        return Response(VersionSerializer(version).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str, number: int) -> Response:
        """Delete the version and its files; refused while an endpoint answers with it."""
        version = services.get_version(services.get_model(self.workspace, name), number)
        services.delete_version(version, by=self.person, request=request._request)
        return Response(status=204)


class ThresholdSerializer(serializers.Serializer[Any]):
    """The probability, or the score of an anomaly, from which the model is to name its class."""

    threshold = serializers.FloatField(min_value=0.0)


class ThresholdView(WorkspaceView):
    """Choosing another threshold for a model that is trained."""

    @extend_schema(request=ThresholdSerializer, responses={201: VersionSerializer})
    def post(self, request: Request, name: str, number: int) -> Response:
        """Make a version with the measured threshold that is nearest; asking twice gives the same version."""
        version = services.get_version(services.get_model(self.workspace, name), number)
        wanted = ThresholdSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        threshold = wanted.validated_data["threshold"]
        derived = choose_threshold(version, threshold, by=self.person, request=request._request)
        return Response(VersionSerializer(derived).data, status=201)


class DownloadView(WorkspaceView):
    """The model as a file, with the digest of its content in `Repr-Digest`."""

    @extend_schema(
        parameters=[OpenApiParameter("format", str, enum=list(DOWNLOADS), required=True)],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, name: str, number: int) -> StreamedFile:
        version = services.get_version(services.get_model(self.workspace, name), number)
        wanted = request.query_params.get("format", "")
        if not wanted:
            raise InvalidInput({"format": f"must be one of {', '.join(version.formats)}"})
        return open_download(version, wanted)
