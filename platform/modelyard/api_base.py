"""What every part of the platform API shares: pages and the current workspace."""

from typing import Any

from django.http import HttpRequest
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.views import APIView

from modelyard.accounts.models import User, Workspace


class Pages(CursorPagination):
    """`{"results": […], "next": url or null}`, newest first, 50 a page, at most 200 (`?page_size=`)."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-created_at"

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next"],
            "properties": {"results": schema, "next": {"type": ["string", "null"], "format": "uri"}},
        }


class WorkspaceView(APIView):
    """A view of the platform API; `self.workspace` and `self.person` are never None here (see `ScopedByMethod`)."""

    @property
    def workspace(self) -> Workspace:
        return workspace_of(self.request._request)

    @property
    def person(self) -> User:
        user = self.request.user
        assert isinstance(user, User)
        return user


def workspace_of(request: HttpRequest) -> Workspace:
    workspace: Workspace = request.workspace  # type: ignore[attr-defined]
    return workspace
