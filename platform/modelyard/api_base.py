"""What every part of the platform API shares: bounded JSON, pages, the current workspace."""

import json
from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.response import Response
from rest_framework.views import APIView

from modelyard.accounts.models import User, Workspace

MAX_DEPTH = 32


class BoundedJSONParser(BaseParser):
    """JSON that cannot exhaust the stack or smuggle NaN: at most 32 levels deep, numbers finite, UTF-8."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        content = stream.read()
        if _depth(content) > MAX_DEPTH:
            raise ParseError(f"the JSON body is nested deeper than {MAX_DEPTH} levels")
        try:
            return json.loads(content.decode("utf-8"), parse_constant=_refuse)
        except (ValueError, RecursionError) as fault:
            raise ParseError(f"the body is not valid JSON: {fault}") from fault


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


def _depth(content: bytes) -> int:
    deepest = depth = 0
    inside = escaped = False
    for byte in content:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                return deepest
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return deepest


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")
