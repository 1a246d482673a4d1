"""Quotas over the platform API."""

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.api_base import WorkspaceView
from modelyard.quotas import services
from modelyard.quotas.serializers import QuotaSerializer

ANSWER = inline_serializer(
    "Quotas", {"results": QuotaSerializer(many=True), "next": serializers.CharField(allow_null=True)}
)


class QuotaListView(WorkspaceView):
    @extend_schema(summary="List quotas", description="Every limit with what is used and reserved.", responses=ANSWER)
    def get(self, request: Request) -> Response:
        results = [QuotaSerializer(status).data for status in services.overview(self.workspace)]
        return Response({"results": results, "next": None})
