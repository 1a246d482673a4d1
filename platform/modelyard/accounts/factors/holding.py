"""Which second factors a person holds, whether they must hold one, and letting go of them."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from modelyard.accounts.factors.codes import APP, RECOVERY
from modelyard.accounts.models import User, draw_stamp
from modelyard.accounts.services import record
from modelyard.errors import NotAllowed

SINGLE_SIGN_ON = "single sign-on"
SESSION_HOW = "signed_in_by"


def has_factor(person: User) -> bool:
    """Whether signing in asks for more than the password."""
    return bool(Authenticator.objects.filter(user=person).exclude(type=RECOVERY).exists())


def has_app(person: User) -> bool:
    return bool(Authenticator.objects.filter(user=person, type=APP).exists())


def is_missing(person: User, signed_in_by: str) -> bool:
    """Whether a person must set up a factor before anything else.

    Whoever came by single sign-on is the identity provider's to ask.
    """
    if signed_in_by == SINGLE_SIGN_ON or not _is_required_of(person):
        return False
    return not has_factor(person)


@transaction.atomic
def remove_factor(factor: Authenticator, *, by: User, request: HttpRequest | None = None) -> None:
    """Switch one factor off; with the last one the recovery codes go too."""
    person, kind = factor.user, factor.type
    factor.delete()
    if not has_factor(person):
        Authenticator.objects.filter(user=person).delete()
    record("factor.remove", str(person.pk), by=by, workspace=None, request=request, kind=kind)


@transaction.atomic
def reset_factors(person: User, *, by: User | None, request: HttpRequest | None = None) -> int:
    """Take every factor from a person who lost theirs, and end their sessions. Raises `NotAllowed`.

    `by` is an operator, None on the command line. Returns how many factors there were.
    """
    if by is not None and not by.is_staff:
        raise NotAllowed("only an operator takes second factors from others")
    count, _ = Authenticator.objects.filter(user=person).delete()
    person.session_stamp = draw_stamp()
    person.save(update_fields=["session_stamp"])
    record("factor.reset", str(person.pk), by=by, workspace=None, request=request, email=person.email)
    return int(count)


def _is_required_of(person: User) -> bool:
    wanted = settings.ENVIRONMENT.second_factor
    if wanted == "everybody" or (wanted == "operators" and person.is_staff):
        return True
    return person.memberships.filter(workspace__second_factor=True).exists()
