"""Codes of an authenticator app (TOTP, RFC 6238) and recovery codes, for when the device is lost.

A code of the app works once: the number of its time step is kept in the row and only ever grows (RFC 6238, 5.2), so
that no other process takes it again. Clocks may differ by one step, 30 seconds.
"""

import logging

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.fernet import InvalidToken
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from modelyard.accounts.models import User
from modelyard.errors import Conflict, InvalidInput

log = logging.getLogger(__name__)

APP, RECOVERY = Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES
SESSION_NAME = "proposed_for_app"


def propose_secret(request: HttpRequest) -> str:
    """The secret that this session proposes for the app: the same one until it is confirmed."""
    kept = request.session.get(SESSION_NAME)
    if kept is None:
        kept = request.session[SESSION_NAME] = get_adapter().encrypt(generate_totp_secret())
    return str(get_adapter().decrypt(kept))


def draw_picture(person: User, secret: str) -> str:
    """The QR code that hands a secret to an app, as SVG."""
    adapter = get_adapter()
    return str(adapter.build_totp_svg(adapter.build_totp_url(person, secret)))


@transaction.atomic
def confirm_app(request: HttpRequest, person: User, code: str) -> None:
    """Keep the proposed secret, once a code proves that the app has it. Raises `InvalidInput`, `Conflict`."""
    secret = propose_secret(request)
    step = _step_of(secret, code)
    if step is None:
        raise InvalidInput({"code": gettext("This is not the code that the app shows now. Try the next one.")})
    try:
        with transaction.atomic():
            app = TOTP.activate(person, secret).instance
    except IntegrityError as fault:
        raise Conflict(gettext("An app is set up already; switch it off first.")) from fault
    app.data["step"] = step
    app.save(update_fields=["data"])
    del request.session[SESSION_NAME]


def draw_recovery_codes(person: User) -> list[str]:
    """Make ten new recovery codes, in groups of four digits; the former ones end."""
    Authenticator.objects.filter(user=person, type=RECOVERY).delete()
    codes = RecoveryCodes.activate(person).generate_codes()
    return [" ".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]


def count_recovery_codes(person: User) -> int:
    """How many recovery codes are left."""
    kept = Authenticator.objects.filter(user=person, type=RECOVERY).first()
    try:
        return len(RecoveryCodes(kept).get_unused_codes()) if kept is not None else 0
    except InvalidToken:
        return 0


def has_codes(person: User) -> bool:
    """Whether there is an app or a recovery code to take a code from."""
    return bool(Authenticator.objects.filter(user=person, type__in=[APP, RECOVERY]).exists())


def use_code(person: User, code: str) -> str | None:
    """Take a code, which then works no more; return the kind of factor it belongs to, None for a wrong one."""
    try:
        for factor in Authenticator.objects.filter(user=person, type__in=[APP, RECOVERY]):
            taken = _use_app_code(factor, code) if factor.type == APP else RecoveryCodes(factor).validate_code(code)
            if taken:
                factor.record_usage()
                return str(factor.type)
    except InvalidToken:
        log.error("the second factor of %s cannot be read: was MODELYARD_KEY_PEPPER changed?", person.pk)
    return None


@transaction.atomic
def _use_app_code(factor: Authenticator, code: str) -> bool:
    app = Authenticator.objects.select_for_update().get(pk=factor.pk)
    step = _step_of(get_adapter().decrypt(app.data["secret"]), code)
    if step is None or step <= app.data.get("step", 0):
        return False
    app.data["step"] = step
    app.save(update_fields=["data"])
    return True


def _step_of(secret: str, code: str) -> int | None:
    """The time step whose code this is, of the last one, this one and the next."""
    for step in yield_hotp_counters_from_time():
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return int(step)
    return None
