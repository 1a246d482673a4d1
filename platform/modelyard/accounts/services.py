"""Acts on workspaces, and the questions that every other app asks: which role, who did it."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from modelyard.accounts.audit.marking import draw_mark
from modelyard.accounts.models import AuditEvent, Membership, Role, User, Workspace
from modelyard.errors import InvalidInput, NotAllowed
from modelyard.names import clean_text

RANK = {Role.VIEWER: 0, Role.EDITOR: 1, Role.OWNER: 2}


@transaction.atomic
def create_workspace(name: str, *, owner: User) -> Workspace:
    """Make a workspace with its owner; quotas start at their defaults when first asked for."""
    workspace = Workspace.objects.create(name=_checked_name(name))
    Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    return workspace


@transaction.atomic
def rename_workspace(workspace: Workspace, name: str, *, by: User, request: HttpRequest | None = None) -> None:
    """Give a workspace another name. Raises `NotAllowed`, `InvalidInput`."""
    require_role(by, workspace, Role.OWNER)
    former, workspace.name = workspace.name, _checked_name(name)
    workspace.save(update_fields=["name"])
    record(
        "workspace.rename", str(workspace.pk), by=by, workspace=workspace, request=request, before=former, after=name
    )


@transaction.atomic
def require_second_factor(workspace: Workspace, wanted: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Decide whether members need a second factor. Raises `NotAllowed`."""
    require_role(by, workspace, Role.OWNER)
    workspace.second_factor = wanted
    workspace.save(update_fields=["second_factor"])
    record("workspace.second_factor", str(workspace.pk), by=by, workspace=workspace, request=request, wanted=wanted)


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
    """Add an audit event: `record("dataset.delete", str(dataset.id), by=user, workspace=workspace, name=…)`."""
    key = getattr(request, "auth", None) if request is not None else None
    event = AuditEvent(
        action=action,
        subject=subject,
        actor=by,
        workspace=workspace,
        details=details,
        address=request.META.get("REMOTE_ADDR") or None if request is not None else None,
        key=getattr(key, "id", ""),
    )
    event.mark = draw_mark(event)
    event.save(force_insert=True)


def _checked_name(name: str) -> str:
    line = clean_text(name, len(name) + 1)
    if not 1 <= len(line) <= 120:
        raise InvalidInput({"name": f"must have 1 to 120 characters, got {len(line)}"})
    return line
