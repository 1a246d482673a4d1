"""What the platform API asks of a caller: a scope of the key, and a role of the person, by method."""

from typing import Any

from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from modelyard.accounts.keys import covers
from modelyard.accounts.models import ApiKey, Role
from modelyard.accounts.services import RANK, role_of


class ScopedByMethod(BasePermission):
    """Reading needs scope `read` and any role; writing needs `write` and the role of an editor.

    A view may say otherwise: `scopes = {"GET": "read", "POST": "admin"}`, `roles = {"POST": Role.OWNER}`. A wider scope
    covers a narrower one: admin > write > read. `predict` covers nothing here.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        workspace = request._request.workspace  # type: ignore[attr-defined]
        role = role_of(request.user, workspace) if workspace else None
        if role is None:
            raise exceptions.PermissionDenied("you are not a member of this workspace", code="no_membership")
        reading = request.method in SAFE_METHODS
        scope = getattr(view, "scopes", {}).get(request.method, "read" if reading else "write")
        if isinstance(request.auth, ApiKey) and not covers(request.auth.scopes, scope):
            raise exceptions.PermissionDenied(f"the API key lacks the scope {scope}", code="missing_scope")
        least = getattr(view, "roles", {}).get(request.method, Role.VIEWER if reading else Role.EDITOR)
        if RANK[role] < RANK[least]:
            raise exceptions.PermissionDenied(f"this needs the role {least.value}", code="missing_role")
        return True
