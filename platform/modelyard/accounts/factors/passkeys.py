"""Passkeys (WebAuthn level 3): kept by the device or a security key, unlocked there by a finger, a face or a PIN.

Every passkey is discoverable and verifies its person, so that it stands for the password and the second factor both.
What browsers send is checked by allauth with fido2; a challenge is good for one try.
"""

import ipaddress
import struct
from typing import Any
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext

from modelyard.accounts.models import User
from modelyard.errors import Conflict, InvalidInput

PASSKEY = Authenticator.Type.WEBAUTHN
MOST_PASSKEYS = 20
MALFORMED = (ValidationError, ValueError, TypeError, LookupError, AttributeError, struct.error)
"""What allauth and fido2 raise at a challenge, signature, origin or JSON that does not fit."""


def are_possible() -> bool:
    """Whether browsers offer passkeys at the public address: HTTPS and a name, or `localhost`."""
    url = urlsplit(settings.ENVIRONMENT.public_url)
    host = url.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return url.scheme == "https" or host == "localhost" or host.endswith(".localhost")
    return False


def passkeys_of(person: User) -> "QuerySet[Any]":
    """The passkeys of a person, oldest first."""
    found: QuerySet[Any] = Authenticator.objects.filter(user=person, type=PASSKEY).order_by("created_at")
    return found


def begin_adding(person: User) -> dict[str, Any]:
    """What the browser needs to make a passkey (`PublicKeyCredentialCreationOptionsJSON` below `publicKey`)."""
    if passkeys_of(person).count() >= MOST_PASSKEYS:
        raise Conflict(gettext("You have very many passkeys; remove one that you do not use first."))
    return dict(auth.begin_registration(person, passwordless=True))


def add(person: User, name: str, credential: Any) -> None:
    """Keep the passkey that the browser has made. Raises `InvalidInput`."""
    try:
        auth.parse_registration_response(credential)
        verified = auth.complete_registration(credential).is_user_verified()
    except MALFORMED as fault:
        raise InvalidInput({"credential": gettext("The passkey could not be checked. Try again.")}) from fault
    finally:
        auth.clear_state()
    if not verified:
        raise InvalidInput({"credential": gettext("The device did not check that it is you. Set a PIN there first.")})
    auth.WebAuthn.add(person, name, credential)


def begin_signing_in(person: User | None) -> dict[str, Any]:
    """What the browser needs to use a passkey: one of `person`, or of whoever it is."""
    return dict(auth.begin_authentication(person))


def find_person(credential: Any) -> User | None:
    """Whose passkey this claims to be; nothing is checked yet."""
    try:
        return User.objects.filter(pk=auth.extract_user_from_response(credential).pk, is_active=True).first()
    except MALFORMED:
        return None


def check(person: User, credential: Any) -> bool:
    """Whether the browser used a passkey of `person` for the challenge of this session, which is then gone."""
    try:
        auth.parse_authentication_response(credential)
        passkey = auth.complete_authentication(person, credential)
    except MALFORMED:
        return False
    finally:
        auth.clear_state()
    passkey.record_usage()
    return True
