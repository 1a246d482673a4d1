"""What every page knows of the person's workspace."""

from typing import Any

from django.http import HttpRequest

from modelyard.accounts.models import Role, Workspace
from modelyard.accounts.services import RANK, role_of


def workspace(request: HttpRequest) -> dict[str, Any]:
    """`workspace`, `workspaces`, `role`, `may_edit`, `may_own` for templates."""
    user = getattr(request, "user", None)
    current = getattr(request, "workspace", None)
    if user is None or not user.is_authenticated or not current:
        return {"workspace": None, "workspaces": [], "role": None, "may_edit": False, "may_own": False}
    role = role_of(user, current)
    return {
        "workspace": current,
        "workspaces": Workspace.objects.visible_to(user).order_by("name"),
        "role": role,
        "may_edit": role is not None and RANK[role] >= RANK[Role.EDITOR],
        "may_own": role == Role.OWNER,
    }
