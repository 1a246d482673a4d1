"""Who belongs to a workspace, and how they come and go."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts import members
from modelyard.accounts.models import AuditEvent, Invitation, Membership, Role, User, Workspace
from modelyard.accounts.services import role_of
from modelyard.errors import Conflict, NotAllowed, NotFound
from tests.accounts.mailbox import link_in, wait_for_mails


def invite(workspace: Workspace, alice: User, email: str = "charlie@example.com", role: Role = Role.EDITOR) -> str:
    """Invite and return the token of the link."""
    _, link = members.invite(workspace, email, role, by=alice)
    return link.rstrip("/").rsplit("/", 1)[1]


def test_an_invitation_by_mail_makes_a_member(
    client: Client, workspace: Workspace, alice: User, charlie: User, django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(alice)
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(reverse("accounts:invite"), {"email": charlie.email, "role": "editor"})
    assert answer.status_code == 200
    wait_for_mails(1)
    path = link_in(mail.outbox[0]).removeprefix(settings.ENVIRONMENT.public_url)
    client.force_login(charlie)
    assert client.get(path).status_code == 200
    assert role_of(charlie, workspace) is None
    assert client.post(path).status_code == 302
    assert role_of(charlie, workspace) == Role.EDITOR
    assert client.post(path).status_code == 404


def test_the_token_of_an_invitation_is_kept_as_a_digest(workspace: Workspace, alice: User) -> None:
    token = invite(workspace, alice)
    assert token not in repr(list(Invitation.objects.values()))


def test_an_expired_or_withdrawn_invitation_is_useless(workspace: Workspace, alice: User, charlie: User) -> None:
    expired = invite(workspace, alice)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        members.accept_invitation(expired, by=charlie)
    withdrawn = invite(workspace, alice)
    members.withdraw_invitation(Invitation.objects.get(expires_at__gt=timezone.now()), by=alice)
    with pytest.raises(NotFound):
        members.accept_invitation(withdrawn, by=charlie)


def test_the_invitation_of_somebody_deactivated_is_useless(workspace: Workspace, alice: User, charlie: User) -> None:
    token = invite(workspace, alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(NotFound):
        members.accept_invitation(token, by=charlie)


def test_a_second_invitation_replaces_the_first(workspace: Workspace, alice: User, charlie: User) -> None:
    first = invite(workspace, alice)
    invite(workspace, alice, role=Role.VIEWER)
    with pytest.raises(NotFound):
        members.accept_invitation(first, by=charlie)


def test_an_invitation_does_not_change_the_role_of_a_member(workspace: Workspace, alice: User, vera: User) -> None:
    token = invite(workspace, alice, "somebody@example.com", Role.OWNER)
    members.accept_invitation(token, by=vera)
    assert role_of(vera, workspace) == Role.VIEWER


def test_members_are_not_invited_again(workspace: Workspace, alice: User, bob: User) -> None:
    with pytest.raises(Conflict):
        invite(workspace, alice, bob.email)


def test_only_owners_decide_about_members(
    client: Client, workspace: Workspace, alice: User, bob: User, vera: User
) -> None:
    membership = vera.memberships.get(workspace=workspace)
    client.force_login(bob)
    assert client.post(reverse("accounts:invite"), {"email": "x@example.com", "role": "viewer"}).status_code == 403
    role_address = reverse("accounts:set_role", args=[membership.pk])
    assert client.post(role_address, {"role": "owner"}).status_code == 403
    assert client.post(reverse("accounts:remove_member", args=[membership.pk])).status_code == 403
    assert client.post(reverse("accounts:rename_workspace"), {"name": "Mine"}).status_code == 403
    assert role_of(vera, workspace) == Role.VIEWER


def test_an_outsider_does_not_reach_the_members(client: Client, workspace: Workspace, bob: User, charlie: User) -> None:
    membership = bob.memberships.get(workspace=workspace)
    client.force_login(charlie)
    assert client.post(reverse("accounts:set_role", args=[membership.pk]), {"role": "viewer"}).status_code == 404
    assert client.post(reverse("accounts:remove_member", args=[membership.pk])).status_code == 404
    assert bob.email.encode() not in client.get(reverse("accounts:members")).content


def test_an_owner_changes_a_role(client: Client, workspace: Workspace, alice: User, bob: User) -> None:
    client.force_login(alice)
    address = reverse("accounts:set_role", args=[bob.memberships.get(workspace=workspace).pk])
    assert client.post(address, {"role": "viewer"}).status_code == 302
    assert role_of(bob, workspace) == Role.VIEWER
    assert client.post(address, {"role": "emperor"}).status_code == 422
    event = AuditEvent.objects.get(action="member.role")
    assert event.details == {"before": "editor", "after": "viewer"}


def test_a_workspace_keeps_an_owner(workspace: Workspace, alice: User) -> None:
    membership = Membership.objects.get(workspace=workspace, user=alice)
    with pytest.raises(Conflict):
        members.set_role(membership, Role.EDITOR, by=alice)
    with pytest.raises(Conflict):
        members.remove_member(membership, by=alice)


def test_a_member_may_leave(client: Client, workspace: Workspace, bob: User) -> None:
    client.force_login(bob)
    address = reverse("accounts:remove_member", args=[bob.memberships.get(workspace=workspace).pk])
    assert client.post(address).status_code == 302
    assert role_of(bob, workspace) is None


def test_a_viewer_cannot_put_somebody_else_out(workspace: Workspace, vera: User, bob: User) -> None:
    with pytest.raises(NotAllowed):
        members.remove_member(bob.memberships.get(workspace=workspace), by=vera)


def test_the_workspace_gets_another_name(client: Client, workspace: Workspace, alice: User) -> None:
    client.force_login(alice)
    assert client.post(reverse("accounts:rename_workspace"), {"name": "  Kitchen "}).status_code == 302
    workspace.refresh_from_db()
    assert workspace.name == "Kitchen"
    assert client.post(reverse("accounts:rename_workspace"), {"name": " "}).status_code == 422


def test_a_person_switches_between_their_workspaces_only(
    client: Client, workspace: Workspace, bob: User, charlie: User
) -> None:
    other = charlie.memberships.get().workspace
    client.force_login(bob)
    assert client.post(reverse("accounts:switch"), {"workspace": str(other.pk)}).status_code == 404
    assert client.post(reverse("accounts:switch"), {"workspace": "nonsense"}).status_code == 404
    Membership.objects.create(user=bob, workspace=other, role=Role.VIEWER)
    assert client.post(reverse("accounts:switch"), {"workspace": str(other.pk)}).status_code == 302
    assert other.name.encode() in client.get(reverse("accounts:members")).content
