"""Who belongs to a workspace: roles, invitations by a link that works once."""

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from modelyard.accounts import mails
from modelyard.accounts.keys import revoke_key
from modelyard.accounts.models import Invitation, Membership, Role, User, Workspace
from modelyard.accounts.services import RANK, record, require_role, role_of
from modelyard.errors import Conflict, NotFound

INVITATION_LASTS = timedelta(days=7)
MOST_INVITATIONS = 100


@transaction.atomic
def invite(
    workspace: Workspace, email: str, role: Role, *, by: User, request: HttpRequest | None = None
) -> tuple[Invitation, str]:
    """Invite an address and return the invitation with its link, which is also sent by mail. Raises `Conflict`."""
    require_role(by, workspace, Role.OWNER)
    address = User.objects.normalize_email(email).lower()
    if Membership.objects.filter(workspace=workspace, user__email=address).exists():
        raise Conflict(gettext("%(email)s is a member already.") % {"email": address})
    open_ones = Invitation.objects.filter(workspace=workspace, accepted_at=None, expires_at__gt=timezone.now())
    if open_ones.count() >= MOST_INVITATIONS:
        raise Conflict(gettext("There are too many open invitations; withdraw some first."))
    open_ones.filter(email=address).delete()
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        workspace=workspace,
        email=address,
        role=role,
        digest=_digest(token),
        invited_by=by,
        expires_at=timezone.now() + INVITATION_LASTS,
    )
    link = settings.ENVIRONMENT.public_url + reverse("accounts:invitation", args=[token])
    record("member.invite", address, by=by, workspace=workspace, request=request, role=role.value)
    words = {"workspace": workspace, "inviter": by, "role": role.label, "link": link, "days": INVITATION_LASTS.days}
    transaction.on_commit(lambda: mails.send_later("invitation", address, words))
    return invitation, link


def find_invitation(token: str) -> Invitation:
    """Return the open invitation of a link. Raises `NotFound`."""
    open_ones = Invitation.objects.filter(accepted_at=None, expires_at__gt=timezone.now(), invited_by__is_active=True)
    found = open_ones.select_related("workspace", "invited_by").filter(digest=_digest(token)).first()
    if found is None:
        raise NotFound(gettext("This invitation has been used, withdrawn, or has expired. Ask for a new one."))
    return found


@transaction.atomic
def accept_invitation(token: str, *, by: User, request: HttpRequest | None = None) -> Workspace:
    """Make `by` a member; whoever is one already keeps the role. Raises `NotFound`."""
    invitation = find_invitation(token)
    taken = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).update(accepted_at=timezone.now())
    if not taken:
        raise NotFound(gettext("This invitation has just been used."))
    Membership.objects.get_or_create(workspace=invitation.workspace, user=by, defaults={"role": invitation.role})
    record("member.join", str(by.pk), by=by, workspace=invitation.workspace, request=request, role=invitation.role)
    return invitation.workspace


@transaction.atomic
def withdraw_invitation(invitation: Invitation, *, by: User, request: HttpRequest | None = None) -> None:
    """Make a link useless. Raises `NotAllowed`."""
    require_role(by, invitation.workspace, Role.OWNER)
    record("member.withdraw", invitation.email, by=by, workspace=invitation.workspace, request=request)
    invitation.delete()


@transaction.atomic
def set_role(membership: Membership, role: Role, *, by: User, request: HttpRequest | None = None) -> None:
    """Change what a member may do. Raises `NotAllowed`, `Conflict` for the last owner."""
    require_role(by, membership.workspace, Role.OWNER)
    if role != Role.OWNER:
        _require_another_owner(membership)
    before, membership.role = membership.role, role
    membership.save(update_fields=["role"])
    record(
        "member.role",
        str(membership.user_id),
        by=by,
        workspace=membership.workspace,
        request=request,
        before=before,
        after=role.value,
    )


@transaction.atomic
def remove_member(membership: Membership, *, by: User, request: HttpRequest | None = None) -> None:
    """Take a member out, and end their keys there. People may leave by themselves. Raises `NotAllowed`, `Conflict`."""
    workspace, person = membership.workspace, membership.user
    if person.pk != by.pk:
        require_role(by, workspace, Role.OWNER)
    _require_another_owner(membership)
    for key in person.keys.live().filter(workspace=workspace):
        revoke_key(key, by=by, request=request)
    membership.delete()
    record("member.remove", str(person.pk), by=by, workspace=workspace, request=request, email=person.email)


def may_manage(user: User, workspace: Workspace) -> bool:
    """Whether `user` decides about members and the keys of others."""
    role = role_of(user, workspace)
    return role is not None and RANK[role] >= RANK[Role.OWNER]


def _require_another_owner(membership: Membership) -> None:
    """A workspace always has an owner. The rows are locked, so that two owners cannot leave at the same moment."""
    owners = Membership.objects.select_for_update().filter(workspace=membership.workspace, role=Role.OWNER)
    if membership.role == Role.OWNER and not any(owner.pk != membership.pk for owner in owners):
        raise Conflict(gettext("A workspace needs an owner; make somebody else one first."))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
