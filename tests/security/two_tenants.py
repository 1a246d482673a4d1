"""Two workspaces with one of everything each, and a picture of the whole database to tell whether anything changed."""

from dataclasses import dataclass
from typing import Any

from django.apps import apps

from modelyard.accounts.models import User, Workspace
from tests import factories
from tests.web.world import World, make_world

MARK = "zyzzyva"
"""A word that is in every name of the first tenant and nowhere else."""
COME_AND_GO = {"sessions.Session", "accounts.AuditEvent", "accounts.AuditSeal", "accounts.Attempts"}
"""Tables that any request may write to."""
NOTED = {"last_used_at", "last_login", "heartbeat_at"}


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """An owner, their workspace, and one of everything in it."""

    owner: User
    workspace: Workspace
    world: World

    @property
    def ids(self) -> dict[str, str]:
        """The ids of its objects, by the name of the parameter; short numbers tell nothing."""
        return {name: value for name, value in self.world.values.items() if name.endswith("_id") and len(value) >= 8}


def make_tenant(name: str, mark: str = "") -> Tenant:
    owner = factories.make_user(f"{mark}{name}")
    workspace = factories.make_workspace(owner, f"{mark}{name}'s place")
    return Tenant(owner=owner, workspace=workspace, world=make_world(workspace, owner, mark=mark))


def picture() -> dict[str, dict[str, Any]]:
    """Every row of every table that matters, by table and key."""
    found = {}
    for model in apps.get_models():
        if model._meta.label not in COME_AND_GO:
            fields = [field.attname for field in model._meta.concrete_fields if field.attname not in NOTED]
            rows = model._base_manager.values("pk", *fields)
            found[model._meta.label] = {str(row["pk"]): row for row in rows}
    return found


def changes(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[tuple[str, str, Any, Any]]:
    """Table, key, row before and after, of every row that differs."""
    return [
        (table, key, before[table].get(key), after[table].get(key))
        for table in after
        for key in before[table].keys() | after[table].keys()
        if before[table].get(key) != after[table].get(key)
    ]
