"""Acts on people: joining, ending their sessions, what operators decide about them."""

import secrets

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from modelyard.accounts import key_publishing
from modelyard.accounts.models import User, draw_stamp
from modelyard.accounts.services import create_workspace, record
from modelyard.contracts.crash_points import reach
from modelyard.errors import Conflict, InvalidInput, NotAllowed


@transaction.atomic
def sign_up(
    email: str, password: str, *, name: str = "", language: str = "", request: HttpRequest | None = None
) -> User:
    """Make a person with a workspace of their own. Raises `Conflict` where the address is taken, `InvalidInput`."""
    person = User(email=User.objects.normalize_email(email).lower(), name=name.strip(), language=language)
    try:
        validate_password(password, person)
    except ValidationError as fault:
        raise InvalidInput({"password": " ".join(fault.messages)}) from fault
    person.set_password(password)
    join(person, request=request)
    return person


@transaction.atomic
def join(person: User, *, request: HttpRequest | None = None) -> None:
    """Keep a new person and make them a workspace of their own. Raises `Conflict` where the address is taken."""
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError as fault:
        raise Conflict(gettext("There is an account with this address already.")) from fault
    create_workspace(gettext("Workspace of %(name)s") % {"name": str(person)[:100]}, owner=person)
    record("person.sign_up", str(person.pk), by=person, workspace=None, request=request)


@transaction.atomic
def ensure_admin(email: str, password: str = "") -> str | None:
    """Make the first operator, once. Returns the password where one had to be drawn, None otherwise."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    drawn = password or secrets.token_urlsafe(12)
    admin = User.objects.filter(email=email.lower()).first()
    if admin is None:
        admin = User.objects.create_superuser(email, drawn, name="Administrator")
        create_workspace("Main", owner=admin)
    else:
        admin.is_staff = admin.is_superuser = True
        admin.set_password(drawn)
        admin.save()
    record("person.first_operator", str(admin.pk), by=None, workspace=None)
    return None if password else drawn


def end_sessions(person: User, *, by: User, request: HttpRequest | None = None) -> None:
    """End every session of a person; the caller keeps their own by `update_session_auth_hash`."""
    person.session_stamp = draw_stamp()
    person.save(update_fields=["session_stamp"])
    record("person.end_sessions", str(person.pk), by=by, workspace=None, request=request)


@transaction.atomic
def set_active(person: User, active: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Let a person in or keep them out, with all their sessions and keys. Raises `NotAllowed`."""
    _require_operator(by, person)
    if User.objects.filter(pk=person.pk, is_active=not active).update(is_active=active, session_stamp=draw_stamp()):
        key_publishing.publish_keys_of(person)
        act = "person.activate" if active else "person.deactivate"
        record(act, str(person.pk), by=by, workspace=None, request=request, email=person.email)
        reach("person.set_active.before_commit")
    person.refresh_from_db()


@transaction.atomic
def set_operator(person: User, operator: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Make a person an operator, or no longer one. Raises `NotAllowed`."""
    _require_operator(by, person)
    if User.objects.filter(pk=person.pk, is_staff=not operator).update(is_staff=operator, is_superuser=operator):
        act = "person.make_operator" if operator else "person.end_operator"
        record(act, str(person.pk), by=by, workspace=None, request=request, email=person.email)
    person.refresh_from_db()


def _require_operator(by: User, person: User) -> None:
    if not by.is_staff:
        raise NotAllowed("only an operator decides about accounts")
    if by.pk == person.pk:
        raise NotAllowed(gettext("You cannot do this to your own account; ask another operator."))
