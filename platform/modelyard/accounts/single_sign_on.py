"""Signing in by an identity provider (OpenID Connect Core 1.0, authorization code with PKCE), and out there too.

Authlib speaks the protocol: it draws state, nonce and verifier for the session, and checks state, signature, issuer,
audience, time and nonce of what comes back. Decided here is whom the answer lets in.
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import OAuth
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from joserfc.errors import JoseError

from modelyard.accounts.models import Identity, User
from modelyard.accounts.people import join
from modelyard.accounts.services import record
from modelyard.environment import SingleSignOn
from modelyard.errors import Conflict, ModelyardError, NotAllowed, NotFound

log = logging.getLogger(__name__)

METADATA = "/.well-known/openid-configuration"
SESSION_HINT = "id_token"
PATIENCE_SECONDS = 10
FAULTS = (AuthlibBaseError, JoseError, requests.RequestException, ValueError, TypeError, LookupError, RuntimeError)
"""What Authlib raises at answers that do not fit or do not come: of the protocol, its signatures, HTTP and JSON."""


class ProviderFailed(ModelyardError):
    """What the identity provider answered is not to be trusted, or did not come."""

    code = "provider_failed"


def provider() -> SingleSignOn | None:
    """The identity provider of this installation; None without one."""
    chosen: SingleSignOn | None = settings.ENVIRONMENT.single_sign_on
    return chosen


def is_connected(person: User) -> bool:
    """Whether a person signs in by the provider already."""
    chosen = provider()
    return chosen is not None and person.identities.filter(issuer=chosen.issuer).exists()


def leave(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider. Raises `NotFound` without one, `ProviderFailed`."""
    client = _client(_required())
    try:
        answer: HttpResponse = client.authorize_redirect(request, _address_back())
    except FAULTS as fault:
        raise _failure(fault) from fault
    return answer


def claims_of(request: HttpRequest) -> Mapping[str, Any]:
    """Who the provider says has come back: checked claims. Raises `ProviderFailed`.

    The session keeps their token, to tell the provider at the end whose session there is meant.
    """
    chosen = _required()
    client = _client(chosen)
    options = {name: {"essential": True, "value": value} for name, value in _expected(chosen).items()}
    try:
        token = client.authorize_access_token(request, claims_options=options)
        claims = dict(token["userinfo"])
        if "email" not in claims and client.load_server_metadata().get("userinfo_endpoint"):
            asked = client.userinfo(token=token)
            if asked.get("sub") == claims["sub"]:
                claims = {**asked, **claims}
    except FAULTS as fault:
        raise _failure(fault) from fault
    request.session[SESSION_HINT] = token["id_token"]
    return claims


def way_out(request: HttpRequest) -> str:
    """Where the browser ends the person's session at the provider too (OpenID Connect RP-Initiated Logout 1.0).

    Empty where they did not come by the provider, where it has no such address, and where it cannot be asked.
    """
    chosen, token = provider(), request.session.get(SESSION_HINT)
    if chosen is None or token is None:
        return ""
    client, back = _client(chosen), f"{settings.ENVIRONMENT.public_url}{reverse('accounts:sign_in')}"
    try:
        address = str(client.load_server_metadata().get("end_session_endpoint") or "")
        if not address.startswith(("https://", f"{chosen.issuer.rstrip('/')}/")):
            return ""
        return str(client.create_logout_url(back, token, client_id=chosen.client_id)["url"])
    except FAULTS as fault:
        log.warning("the identity provider could not be asked where one signs out: %s: %s", type(fault).__name__, fault)
        return ""


@transaction.atomic
def admit(claims: Mapping[str, Any], *, language: str, request: HttpRequest) -> User:
    """Return the person of these claims, made now where that is allowed. Raises `NotAllowed`, `Conflict`.

    An address alone never opens an account that exists: whoever signed up with somebody else's would get theirs.
    """
    chosen = _required()
    email = _checked_address(claims, chosen)
    found = Identity.objects.select_related("user").filter(issuer=chosen.issuer, subject=str(claims["sub"])).first()
    if found is not None:
        if not found.user.is_active:
            raise NotAllowed(gettext("This account is deactivated; ask an operator."))
        return found.user
    if User.objects.filter(email=email).exists():
        raise Conflict(
            gettext("There is an account %(email)s already. Sign in with its password, then connect it under Settings.")
            % {"email": email}
        )
    if not chosen.sign_up:
        raise NotAllowed(gettext("There is no account %(email)s here; ask an operator.") % {"email": email})
    person = User(email=email, name=str(claims.get("name") or "")[:120], language=language)
    person.set_unusable_password()
    join(person, request=request)
    _keep(person, chosen, claims)
    return person


@transaction.atomic
def connect(person: User, claims: Mapping[str, Any], *, request: HttpRequest) -> None:
    """Let a signed-in person sign in by the provider from now on. Raises `NotAllowed`, `Conflict`."""
    chosen = _required()
    _checked_address(claims, chosen)
    try:
        with transaction.atomic():
            _keep(person, chosen, claims)
    except IntegrityError as fault:
        raise Conflict(gettext("This account, or that of the provider, is connected already.")) from fault
    record("identity.connect", str(person.pk), by=person, workspace=None, request=request, issuer=chosen.issuer)


@transaction.atomic
def disconnect(person: User, *, request: HttpRequest) -> None:
    """No longer let a person sign in by the provider. Raises `Conflict` where they have no other way in."""
    if not person.has_usable_password():
        raise Conflict(gettext("You have no password: choose one with “Forgot your password?” first."))
    person.identities.filter(issuer=_required().issuer).delete()
    record("identity.disconnect", str(person.pk), by=person, workspace=None, request=request)


def _keep(person: User, chosen: SingleSignOn, claims: Mapping[str, Any]) -> None:
    Identity.objects.create(user=person, issuer=chosen.issuer, subject=str(claims["sub"]))


def _checked_address(claims: Mapping[str, Any], chosen: SingleSignOn) -> str:
    email = str(claims.get("email") or "").strip().lower()
    try:
        validate_email(email)
    except ValidationError as fault:
        raise NotAllowed(gettext("%(name)s told no e-mail address.") % {"name": chosen.name}) from fault
    if claims.get("email_verified") is not True:
        raise NotAllowed(gettext("%(name)s has not verified your e-mail address.") % {"name": chosen.name})
    if chosen.domains and email.rpartition("@")[2] not in chosen.domains:
        raise NotAllowed(gettext("Addresses such as %(email)s are not let in here.") % {"email": email})
    return email


def _required() -> SingleSignOn:
    chosen = provider()
    if chosen is None:
        raise NotFound(gettext("There is no such page, or it is not yours to see."))
    return chosen


def _expected(chosen: SingleSignOn) -> dict[str, str]:
    """The claims that are compared with our own settings, never with what the provider says of itself."""
    return {"iss": chosen.issuer, "aud": chosen.client_id}


def _address_back() -> str:
    """Where the provider sends the browser: on the installation's host, never on one that a request claims."""
    return f"{settings.ENVIRONMENT.public_url}{reverse('accounts:single_sign_on_back')}"


@cache
def _client(chosen: SingleSignOn) -> Any:
    return OAuth().register(
        name="provider",
        client_id=chosen.client_id,
        client_secret=chosen.client_secret,
        server_metadata_url=chosen.issuer.rstrip("/") + METADATA,
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "default_timeout": PATIENCE_SECONDS,
        },
    )


def _failure(fault: Exception) -> ProviderFailed:
    log.warning("signing in by the identity provider failed: %s: %s", type(fault).__name__, fault)
    return ProviderFailed(gettext("Signing in by the provider did not work. Try again, or sign in another way."))
