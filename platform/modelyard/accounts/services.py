"""Acts on people and workspaces, and the questions that every other app asks: which workspace, which role, who did it."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from modelyard.accounts.models import AuditEvent, Membership, Role, User, Workspace
from modelyard.errors import NotAllowed

RANK = {Role.VIEWER: 0, Role.EDITOR: 1, Role.OWNER: 2}


@transaction.atomic
def create_workspace(name: str, *, owner: User) -> Workspace:
    """Make a workspace with its owner; quotas start at their defaults when first asked for."""
    workspace = Workspace.objects.create(name=name)
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    return workspace


def role_of(user: User, workspace: Workspace) -> Role | None:
    """The role of `user` in `workspace`, None for an outsider."""
    membership = Membership.objects.filter(user=user, workspace=workspace).first()
    return Role(membership.role) if membership else None


def require_role(user: User, workspace: Workspace, least: Role) -> None:
    """Raise `NotAllowed` unless `user` is at least `least` in `workspace`."""
    role = role_of(user, workspace)
    if role is None or RANK[role] < RANK[least]:
        raise NotAllowed(f"this needs the role {least.label} in {workspace.name}; ask an owner of the workspace")


def record(
    action: str,
    subject: str,
    *,
    by: User | None,
    workspace: Workspace | None,
    request: HttpRequest | None = None,
    **details: Any,
) -> None:
    """Add an audit event: `record("dataset.delete", str(dataset.id), by=user, workspace=ws, request=request, name=…)`."""
    key = getattr(request, "auth", None) if request is not None else None
    AuditEvent.objects.create(
        action=action,
        subject=subject,
        actor=by,
        workspace=workspace,
        details=details,
        address=request.META.get("REMOTE_ADDR") if request is not None else None,
        key=getattr(key, "id", ""),
    )
