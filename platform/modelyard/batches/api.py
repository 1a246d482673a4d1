"""Batch predictions in the platform API."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.accounts.models import ApiKey
from modelyard.api_base import Pages, WorkspaceView
from modelyard.batches import services
from modelyard.batches.models import BatchPrediction
from modelyard.batches.results import open_result
from modelyard.batches.serializers import BatchSerializer, NewBatchSerializer
from modelyard.datasets.uploads import find_upload
from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.services import get_endpoint
from modelyard.errors import NotFound
from modelyard.idempotency import idempotent
from modelyard.registry.models import ModelVersion
from modelyard.registry.services import get_model, get_version
from modelyard.streamed_file import StreamedFile

TAGS = ["batch predictions"]


class BatchView(WorkspaceView):
    """What the views of batch predictions share: only those of the caller's workspace exist."""

    def batches(self) -> QuerySet[BatchPrediction]:
        return BatchPrediction.objects.filter(workspace=self.workspace).select_related("workspace", "created_by")

    def find_batch(self, batch_id: UUID) -> BatchPrediction:
        found = self.batches().filter(pk=batch_id).first()
        if found is None:
            raise NotFound("there is no such batch prediction, or it is not yours to see")
        return found

    def find_asked(self, sent: dict[str, Any]) -> Endpoint | ModelVersion:
        """The endpoint or version that was named. Raises `NotFound`."""
        if "endpoint" in sent:
            return get_endpoint(self.workspace, sent["endpoint"])
        return get_version(get_model(self.workspace, sent["model"]), sent["version"])


class BatchesView(BatchView):
    """`batch-predictions`"""

    pagination_class = Pages

    @extend_schema(operation_id="list_batch_predictions", responses=BatchSerializer(many=True), tags=TAGS)
    def get(self, request: Request) -> Response:
        """List the batch predictions of the workspace, newest first."""
        pages = Pages()
        page = pages.paginate_queryset(self.batches(), request, view=self)
        return pages.get_paginated_response(BatchSerializer(page, many=True).data)

    @extend_schema(
        operation_id="request_batch_prediction",
        request=NewBatchSerializer,
        responses={201: BatchSerializer},
        tags=TAGS,
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Answer every row of a file. A key needs the scopes `write` and `predict`.

        201 with the queued work; 422 where something does not fit, 429 where the month's predictions are spent.
        """
        serializer = NewBatchSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        sent = dict(serializer.validated_data)
        batch = services.request_batch(
            self.find_asked(sent),
            by=self.person,
            file=sent.get("file"),
            upload=find_upload(self.workspace, sent["upload"]) if "upload" in sent else None,
            wanted=sent.get("format", ""),
            interval=sent.get("interval"),
            key=request.auth if isinstance(request.auth, ApiKey) else None,
            request=request,
        )
        return Response(BatchSerializer(self.find_batch(batch.pk)).data, status=status.HTTP_201_CREATED)


class OneBatchView(BatchView):
    """`batch-predictions/{id}`"""

    @extend_schema(operation_id="get_batch_prediction", responses=BatchSerializer, tags=TAGS)
    def get(self, request: Request, batch_id: UUID) -> Response:
        """Show a batch prediction: its state, how far it is, and what came of the rows."""
        return Response(BatchSerializer(self.find_batch(batch_id)).data)

    @extend_schema(operation_id="delete_batch_prediction", responses={204: None}, tags=TAGS)
    def delete(self, request: Request, batch_id: UUID) -> Response:
        """Delete what has ended, with its result. 409 while it has not ended."""
        services.delete_batch(self.find_batch(batch_id), by=self.person, request=request)
        return Response(status=status.HTTP_204_NO_CONTENT)


class CancelBatchView(BatchView):
    """`batch-predictions/{id}/cancel`"""

    @extend_schema(operation_id="cancel_batch_prediction", request=None, responses=BatchSerializer, tags=TAGS)
    def post(self, request: Request, batch_id: UUID) -> Response:
        """Stop and discard; nothing is charged. 409 where it has already ended."""
        services.cancel_batch(self.find_batch(batch_id), by=self.person, request=request)
        return Response(BatchSerializer(self.find_batch(batch_id)).data)


class BatchResultView(BatchView):
    """`batch-predictions/{id}/result`"""

    @extend_schema(
        operation_id="download_batch_prediction",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        tags=TAGS,
    )
    def get(self, request: Request, batch_id: UUID) -> StreamedFile:
        """Download the file with predictions added. 404 before it is done and after its time."""
        return open_result(self.find_batch(batch_id))
