"""Small real objects for tests. Alice owns a workspace, Bob is an editor in it, Vera a viewer, Charlie an outsider."""

from modelyard.accounts import services
from modelyard.accounts.models import Membership, Role, User, Workspace

PASSWORD = "correct horse battery"


def make_user(name: str, **fields: object) -> User:
    return User.objects.create_user(f"{name}@example.com", PASSWORD, name=name.capitalize(), **fields)


def make_workspace(owner: User, name: str = "Lab") -> Workspace:
    return services.create_workspace(name, owner=owner)


def add_member(workspace: Workspace, user: User, role: Role) -> Membership:
    return Membership.objects.create(workspace=workspace, user=user, role=role)
