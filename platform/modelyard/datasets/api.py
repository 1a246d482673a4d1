"""Data sets in the platform API."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.accounts.services import record
from modelyard.api_base import Pages, WorkspaceView
from modelyard.datasets import services
from modelyard.datasets.models import Dataset, DatasetVersion, Upload
from modelyard.datasets.profiles import correct_kinds
from modelyard.datasets.serializers import (
    ComparisonSerializer,
    CorrectionSerializer,
    CreatedDatasetSerializer,
    DatasetSerializer,
    NewDatasetSerializer,
    NewVersionSerializer,
    VersionBriefSerializer,
    VersionSerializer,
)
from modelyard.datasets.uploads import find_upload
from modelyard.errors import InvalidInput, NotFound
from modelyard.idempotency import idempotent


class DatasetView(WorkspaceView):
    """What the views of data sets share: only those of the caller's workspace exist."""

    def datasets(self) -> QuerySet[Dataset]:
        brief = Prefetch("versions", DatasetVersion.objects.in_brief())
        return Dataset.objects.filter(workspace=self.workspace).prefetch_related(brief)

    def find_dataset(self, dataset: UUID) -> Dataset:
        found = self.datasets().filter(pk=dataset).first()
        if found is None:
            raise NotFound("there is no such data set, or it is not yours to see")
        return found

    def find_version(self, version: UUID) -> DatasetVersion:
        mine = DatasetVersion.objects.filter(dataset__workspace=self.workspace)
        found = mine.select_related("dataset__workspace").filter(pk=version).first()
        if found is None:
            raise NotFound("there is no such data set version, or it is not yours to see")
        return found

    def named_upload(self, sent: dict[str, Any]) -> Upload | None:
        return find_upload(self.workspace, sent["upload"]) if "upload" in sent else None


class DatasetsView(DatasetView):
    """`datasets`"""

    pagination_class = Pages

    @extend_schema(operation_id="list_datasets", responses=DatasetSerializer(many=True), tags=["data sets"])
    def get(self, request: Request) -> Response:
        """List the data sets of the workspace, newest first."""
        pages = Pages()
        page = pages.paginate_queryset(self.datasets(), request, view=self)
        return pages.get_paginated_response(DatasetSerializer(page, many=True).data)

    @extend_schema(
        operation_id="create_dataset",
        request=NewDatasetSerializer,
        responses={201: CreatedDatasetSerializer},
        tags=["data sets"],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make a data set of a file (multipart `file`, `name`) or of a finished upload (`{"name", "upload"}`)."""
        sent = _checked(NewDatasetSerializer(data=request.data))
        dataset = services.create_dataset(
            self.workspace,
            sent["name"],
            by=self.person,
            file=sent.get("file"),
            upload=self.named_upload(sent),
            request=request,
        )
        version = dataset.versions.get()
        body = {"id": dataset.pk, "name": dataset.name, "version": version}
        return Response(CreatedDatasetSerializer(body).data, status=status.HTTP_201_CREATED)


class OneDatasetView(DatasetView):
    """`datasets/{id}`"""

    @extend_schema(operation_id="get_dataset", responses=DatasetSerializer, tags=["data sets"])
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """Show a data set with its versions."""
        return Response(DatasetSerializer(self.find_dataset(dataset_id)).data)

    @extend_schema(operation_id="delete_dataset", responses={204: None}, tags=["data sets"])
    def delete(self, request: Request, dataset_id: UUID) -> Response:
        """Delete a data set, its versions and their files. 409 while a run on it has not ended."""
        services.delete_dataset(self.find_dataset(dataset_id), by=self.person, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class VersionsView(DatasetView):
    """`datasets/{id}/versions`"""

    @extend_schema(
        operation_id="add_dataset_version",
        request=NewVersionSerializer,
        responses={201: VersionBriefSerializer},
        tags=["data sets"],
    )
    @idempotent()
    def post(self, request: Request, dataset_id: UUID) -> Response:
        """Add the next version, from a file or a finished upload."""
        dataset = self.find_dataset(dataset_id)
        sent = _checked(NewVersionSerializer(data=request.data))
        version = services.add_version(
            dataset, by=self.person, file=sent.get("file"), upload=self.named_upload(sent), request=request
        )
        return Response(VersionBriefSerializer(version).data, status=status.HTTP_201_CREATED)


class VersionView(DatasetView):
    """`dataset-versions/{id}`"""

    @extend_schema(operation_id="get_dataset_version", responses=VersionSerializer, tags=["data sets"])
    def get(self, request: Request, version_id: UUID) -> Response:
        """Show a version: its state, columns with their profile, warnings and problems."""
        return Response(VersionSerializer(self.find_version(version_id)).data)

    @extend_schema(
        operation_id="correct_dataset_version",
        request=CorrectionSerializer,
        responses=VersionSerializer,
        tags=["data sets"],
    )
    def patch(self, request: Request, version_id: UUID) -> Response:
        """Correct the kinds of columns by hand, all that are named or none."""
        version = self.find_version(version_id)
        kinds = _checked(CorrectionSerializer(data=request.data))["kinds"]
        corrected = correct_kinds(version, kinds, by=self.person)
        subject = str(version.pk)
        record("dataset.correct", subject, by=self.person, workspace=self.workspace, request=request, kinds=kinds)
        return Response(VersionSerializer(corrected).data)


class ComparisonView(DatasetView):
    """`datasets/{id}/comparison`"""

    @extend_schema(
        operation_id="compare_dataset_versions",
        parameters=[OpenApiParameter("older", int, required=True), OpenApiParameter("newer", int, required=True)],
        responses=ComparisonSerializer,
        tags=["data sets"],
    )
    def get(self, request: Request, dataset_id: UUID) -> Response:
        """Compare two versions, by their numbers: columns, kinds, rows, and how far values have moved."""
        dataset = self.find_dataset(dataset_id)
        older, newer = (_numbered(dataset, request, name) for name in ("older", "newer"))
        return Response(ComparisonSerializer(services.compare_versions(older, newer)).data)


def _checked(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _numbered(dataset: Dataset, request: Request, name: str) -> DatasetVersion:
    text = request.query_params.get(name, "")
    versions = {str(version.number): version for version in dataset.versions.all()}
    if text not in versions:
        raise InvalidInput({name: f"must be the number of a version of this data set, got {text[:20] or 'nothing'}"})
    return versions[text]
