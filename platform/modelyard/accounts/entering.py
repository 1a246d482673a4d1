"""From a proof of who somebody is to a session: a second factor is asked for in between where they hold one."""

import time
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.crypto import constant_time_compare

from modelyard.accounts.factors import holding
from modelyard.accounts.models import User
from modelyard.accounts.services import record

BACKEND = "django.contrib.auth.backends.ModelBackend"
KNOWN_COOKIE = "known"
KNOWN_SECONDS = 365 * 24 * 3600
SESSION_WAITING = "waiting_for_second_factor"
WAIT_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Somebody who has shown the first factor; `how` is what it was, `target` the page they want."""

    person: User
    how: str
    target: str


def enter(request: HttpRequest, person: User, *, how: str, target: str) -> HttpResponse:
    """Let a person in who has proved by `how` who they are, or ask for their second factor first."""
    if not holding.has_factor(person):
        return finish(request, person, how=how, target=target)
    request.session.cycle_key()
    request.session[SESSION_WAITING] = {
        "person": str(person.pk),
        "stamp": person.get_session_auth_hash(),
        "until": time.time() + WAIT_SECONDS,
        "how": how,
        "target": target,
    }
    return redirect("accounts:second_factor")


def find_waiting(request: HttpRequest) -> Waiting | None:
    """Who is asked for a second factor in this session; None once it took ten minutes or the password is another."""
    kept = request.session.get(SESSION_WAITING)
    if kept is None or kept["until"] < time.time():
        return None
    person = User.objects.filter(pk=kept["person"], is_active=True).first()
    if person is None or not constant_time_compare(kept["stamp"], person.get_session_auth_hash()):
        return None
    return Waiting(person=person, how=kept["how"], target=kept["target"])


def finish(request: HttpRequest, person: User, *, how: str, target: str, factor: str = "") -> HttpResponse:
    """Begin the session. `factor` is the kind of second factor that was shown."""
    request.session.pop(SESSION_WAITING, None)
    login(request, person, backend=BACKEND)
    request.session[holding.SESSION_HOW] = how
    record("person.sign_in", str(person.pk), by=person, workspace=None, request=request, how=how, factor=factor)
    answer = HttpResponseRedirect(target)
    answer.set_signed_cookie(
        KNOWN_COOKIE,
        "yes",
        salt=person.email,
        max_age=KNOWN_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer


def is_known(request: HttpRequest, email: str) -> bool:
    """Whether this browser has signed in to the account before."""
    return bool(request.get_signed_cookie(KNOWN_COOKIE, default="", salt=email.lower()) == "yes")
