"""Training runs and model templates in the platform API."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.api_base import Pages, WorkspaceView
from modelyard.catalog import list_templates
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import Profile
from modelyard.datasets.models import DatasetVersion
from modelyard.errors import InvalidInput, NotFound
from modelyard.idempotency import idempotent
from modelyard.runs import services
from modelyard.runs.models import TrainingRun
from modelyard.runs.serializers import (
    EpochSerializer,
    LogLineSerializer,
    ModelTemplateSerializer,
    NewRunSerializer,
    RunSerializer,
)

TAGS = ["training runs"]


class EpochPages(Pages):
    """Epochs in their order, a thousand a page."""

    ordering = "number"
    page_size = 1000
    max_page_size = 10_000


class LogPages(Pages):
    """Lines in their order, two hundred a page."""

    ordering = "id"
    page_size = 200
    max_page_size = 2000


class RunView(WorkspaceView):
    """What the views of runs share: only those of the caller's workspace exist."""

    def runs(self) -> QuerySet[TrainingRun]:
        mine = TrainingRun.objects.filter(workspace=self.workspace)
        return mine.select_related("workspace", "model_version__model")

    def find_run(self, run_id: UUID) -> TrainingRun:
        found = self.runs().filter(pk=run_id).first()
        if found is None:
            raise NotFound("there is no such run, or it is not yours to see")
        return found

    def find_version(self, version_id: UUID) -> DatasetVersion | None:
        mine = DatasetVersion.objects.filter(dataset__workspace=self.workspace)
        return mine.select_related("dataset__workspace").filter(pk=version_id).first()

    def paginate(self, pages: CursorPagination, rows: QuerySet[Any], serializer: type[Any]) -> Response:
        page = pages.paginate_queryset(rows, self.request, view=self)
        return pages.get_paginated_response(serializer(page, many=True).data)


class RunsView(RunView):
    """`runs`"""

    pagination_class = Pages

    @extend_schema(operation_id="list_runs", responses=RunSerializer(many=True), tags=TAGS)
    def get(self, request: Request) -> Response:
        """List the runs of the workspace, newest first."""
        return self.paginate(Pages(), self.runs(), RunSerializer)

    @extend_schema(operation_id="request_run", request=NewRunSerializer, responses={201: RunSerializer}, tags=TAGS)
    @idempotent()
    def post(self, request: Request) -> Response:
        """Train a model: 201 with the queued run, 422 where something does not fit, 429 where a quota is spent."""
        serializer = NewRunSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        sent = dict(serializer.validated_data)
        version = self.find_version(sent.pop("dataset_version"))
        if version is None:
            raise InvalidInput({"dataset_version": "there is no such data set version, or it is not yours to see"})
        run = services.request_run(version, by=self.person, request=request, **sent)
        return Response(RunSerializer(self.find_run(run.pk)).data, status=status.HTTP_201_CREATED)


class OneRunView(RunView):
    """`runs/{id}`"""

    @extend_schema(operation_id="get_run", responses=RunSerializer, tags=TAGS)
    def get(self, request: Request, run_id: UUID) -> Response:
        """Show a run: its state, place in the queue, progress, metrics, model or failure."""
        return Response(RunSerializer(self.find_run(run_id)).data)


class EpochsView(RunView):
    """`runs/{id}/epochs`"""

    pagination_class = EpochPages

    @extend_schema(operation_id="list_run_epochs", responses=EpochSerializer(many=True), tags=TAGS)
    def get(self, request: Request, run_id: UUID) -> Response:
        """List the metrics of each epoch, in their order."""
        return self.paginate(EpochPages(), self.find_run(run_id).epochs.all(), EpochSerializer)


class LogView(RunView):
    """`runs/{id}/log`"""

    pagination_class = LogPages

    @extend_schema(operation_id="list_run_log", responses=LogLineSerializer(many=True), tags=TAGS)
    def get(self, request: Request, run_id: UUID) -> Response:
        """List the lines of the log, in their order."""
        return self.paginate(LogPages(), self.find_run(run_id).log.all(), LogLineSerializer)


class CancelView(RunView):
    """`runs/{id}/cancel`"""

    @extend_schema(operation_id="cancel_run", request=None, responses=RunSerializer, tags=TAGS)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Stop a run and discard it. 409 where it has already succeeded or failed."""
        services.cancel_run(self.find_run(run_id), by=self.person, request=request)
        return Response(RunSerializer(self.find_run(run_id)).data)


class FinishView(RunView):
    """`runs/{id}/finish`"""

    @extend_schema(operation_id="finish_run", request=None, responses=RunSerializer, tags=TAGS)
    def post(self, request: Request, run_id: UUID) -> Response:
        """Stop training early and keep the best so far. 409 where it is not running."""
        services.finish_run(self.find_run(run_id), by=self.person, request=request)
        return Response(RunSerializer(self.find_run(run_id)).data)


class ModelTemplatesView(RunView):
    """`model-templates`"""

    @extend_schema(
        operation_id="list_model_templates",
        parameters=[OpenApiParameter("dataset_version", UUID, description="say which templates fit this version")],
        responses=ModelTemplateSerializer(many=True),
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        """List what can be trained; with `dataset_version`, those that fit it come first."""
        named = request.query_params.get("dataset_version")
        if named is None:
            return Response([_describe(template, None) for template in list_templates()])
        profile = self._profile_of(named)
        suiting, others = services.sort_templates(profile)
        return Response([_describe(template, profile) for template in [*suiting, *others]])

    def _profile_of(self, text: str) -> Profile:
        try:
            version = self.find_version(UUID(text))
        except ValueError:
            version = None
        if version is None:
            raise InvalidInput({"dataset_version": "there is no such data set version, or it is not yours to see"})
        return services.ready_profile(version)


def _describe(template: ModelTemplate, profile: Profile | None) -> dict[str, Any]:
    described = {
        "slug": template.slug,
        "version": template.version,
        "title": template.title,
        "summary": template.summary,
        "task": template.task,
        "input_kind": template.input_kind,
        "needs_target": template.needs_target,
        "hyperparameters": template.json_schema(),
        "fits": None if profile is None else services.suits(template, profile),
    }
    return dict(ModelTemplateSerializer(described).data)
