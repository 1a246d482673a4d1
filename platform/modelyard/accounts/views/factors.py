"""Settings, Security: a person's own second factors, switched on, listed and switched off."""

import time
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import single_sign_on
from modelyard.accounts.factors import codes, holding, passkeys
from modelyard.accounts.forms import AppForm, CredentialForm, PasskeyForm, ProofForm
from modelyard.accounts.requests import person_of
from modelyard.accounts.services import record
from modelyard.errors import Conflict, InvalidInput

SESSION_NEW_PASSKEY = "name_of_new_passkey"
SESSION_CONNECT = "may_connect_until"
CONNECT_SECONDS = 600


@login_required
@require_http_methods(["GET", "HEAD"])
def security(request: HttpRequest) -> HttpResponse:
    return _show_security(request)


@login_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def set_up_app(request: HttpRequest) -> HttpResponse:
    """The QR code, and a code of the app that proves it was read."""
    person = person_of(request)
    if holding.has_app(person):
        return redirect("accounts:security")
    form = AppForm(person, request.POST if request.method == "POST" else None, began=_began(request))
    if request.method == "POST" and form.is_valid():
        first = not holding.has_factor(person)
        try:
            codes.confirm_app(request, person, form.cleaned_data["code"])
        except InvalidInput as fault:
            form.add_error("code", fault.problems["code"])
        else:
            record("factor.add", str(person.pk), by=person, workspace=None, request=request, kind=codes.APP.value)
            return _show_security(request, recovery=codes.draw_recovery_codes(person) if first else [])
    secret = codes.propose_secret(request)
    picture = mark_safe(codes.draw_picture(person, secret))  # noqa: S308 - made here, of a secret of ours
    context = {"form": form, "picture": picture, "secret": " ".join(secret[at : at + 4] for at in range(0, 32, 4))}
    return render(request, "accounts/app.html", context, status=422 if form.errors else 200)


@login_required
@sensitive_post_parameters()
@require_POST
def remove_app(request: HttpRequest) -> HttpResponse:
    app = get_object_or_404(Authenticator, user=person_of(request), type=codes.APP)
    return _remove(request, app, gettext("The app is switched off; its codes work no more."))


@login_required
@sensitive_post_parameters()
@require_POST
def renew_recovery_codes(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    if not holding.has_factor(person):
        raise Conflict(gettext("Set up an app or a passkey first; recovery codes stand in for it."))
    form = ProofForm(person, request.POST, began=_began(request))
    if not form.is_valid():
        return _show_security(request, form=form)
    drawn = codes.draw_recovery_codes(person)
    record("factor.new_recovery_codes", str(person.pk), by=person, workspace=None, request=request)
    return _show_security(request, recovery=drawn)


@login_required
@sensitive_post_parameters()
@require_POST
def offer_to_add_passkey(request: HttpRequest) -> JsonResponse:
    """What the browser needs to make a passkey, once the person has proved to be there."""
    person = person_of(request)
    form = PasskeyForm(person, request.POST, began=_began(request))
    if not form.is_valid():
        problems = [str(problem) for found in form.errors.values() for problem in found]
        return JsonResponse({"problem": " ".join(problems)}, status=422)
    request.session[SESSION_NEW_PASSKEY] = form.cleaned_data["name"]
    return JsonResponse(passkeys.begin_adding(person))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_passkey(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    if request.method != "POST":
        context = {"form": PasskeyForm(person, began=_began(request)), "possible": passkeys.are_possible()}
        return render(request, "accounts/passkey.html", context)
    form, name = CredentialForm(request.POST), request.session.pop(SESSION_NEW_PASSKEY, "")
    if not form.is_valid() or not name:
        raise InvalidInput({"credential": gettext("The passkey could not be checked. Try again.")})
    first = not holding.has_factor(person)
    passkeys.add(person, name, form.cleaned_data["credential"])
    record("factor.add", str(person.pk), by=person, workspace=None, request=request, kind="webauthn", name=name)
    return _show_security(request, recovery=codes.draw_recovery_codes(person) if first else [])


@login_required
@sensitive_post_parameters()
@require_POST
def remove_passkey(request: HttpRequest, passkey_id: int) -> HttpResponse:
    passkey = get_object_or_404(passkeys.passkeys_of(person_of(request)), pk=passkey_id)
    return _remove(request, passkey, gettext("The passkey is removed; it works here no more."))


@login_required
@sensitive_post_parameters()
@require_POST
def allow_connecting(request: HttpRequest) -> HttpResponse:
    """Asks for the password before another way to sign in is connected; the page then has the link to the provider."""
    form = ProofForm(person_of(request), request.POST, began=_began(request))
    if not form.is_valid():
        return _show_security(request, form=form)
    request.session[SESSION_CONNECT] = time.time() + CONNECT_SECONDS
    return redirect("accounts:security")


def _remove(request: HttpRequest, factor: Any, words: str) -> HttpResponse:
    person = person_of(request)
    form = ProofForm(person, request.POST, began=_began(request))
    if not form.is_valid():
        return _show_security(request, form=form)
    holding.remove_factor(factor, by=person, request=request)
    messages.success(request, words)
    return redirect("accounts:security")


def _show_security(
    request: HttpRequest, *, form: ProofForm | None = None, recovery: list[str] | None = None
) -> HttpResponse:
    person = person_of(request)
    context = {
        "form": form or ProofForm(person, began=_began(request)),
        "has_app": holding.has_app(person),
        "has_factor": holding.has_factor(person),
        "missing": holding.is_missing(person, request.session.get(holding.SESSION_HOW, "")),
        "passkeys": [(passkey, passkey.wrap().name) for passkey in passkeys.passkeys_of(person)],
        "passkeys_possible": passkeys.are_possible(),
        "recovery_left": codes.count_recovery_codes(person),
        "recovery": recovery,
        "provider": single_sign_on.provider(),
        "may_connect": request.session.get(SESSION_CONNECT, 0) > time.time(),
        "connected": single_sign_on.is_connected(person),
    }
    return render(request, "accounts/security.html", context, status=422 if form is not None else 200)


def _began(request: HttpRequest) -> float:
    """When this session began, in seconds since 1970."""
    return float(request.session.get("began", 0))
