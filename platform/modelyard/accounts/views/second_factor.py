"""The second step of signing in, and signing in by a passkey alone."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import attempts, entering
from modelyard.accounts.entering import Waiting
from modelyard.accounts.factors import codes, passkeys
from modelyard.accounts.forms import CredentialForm, SecondFactorForm
from modelyard.accounts.models import User
from modelyard.accounts.requests import next_page
from modelyard.accounts.services import record


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def ask_for_code(request: HttpRequest) -> HttpResponse:
    waiting = entering.find_waiting(request)
    if waiting is None:
        return redirect("accounts:sign_in")
    form = SecondFactorForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return _show(request, waiting, form, status=422 if form.errors else 200)
    return _try_code(request, waiting, form)


@require_POST
def offer_passkey(request: HttpRequest) -> JsonResponse:
    """What the browser needs to use a passkey: of the person who is asked for one, else of anybody."""
    waiting = entering.find_waiting(request)
    return JsonResponse(passkeys.begin_signing_in(waiting.person if waiting is not None else None))


@require_POST
def take_passkey(request: HttpRequest) -> HttpResponse:
    """Take what the browser made of the offer: after a password as the second factor, without one instead of both."""
    waiting = entering.find_waiting(request)
    form = CredentialForm(request.POST)
    credential = form.cleaned_data["credential"] if form.is_valid() else None
    person = waiting.person if waiting is not None else passkeys.find_person(credential)
    if person is None or not passkeys.check(person, credential):
        return _refuse_passkey(request, person)
    if waiting is not None:
        return entering.finish(request, person, how=waiting.how, target=waiting.target, factor="passkey")
    target = next_page(request, reverse("home"))
    return entering.finish(request, person, how="passkey", target=target, factor="passkey")


def _try_code(request: HttpRequest, waiting: Waiting, form: SecondFactorForm) -> HttpResponse:
    person = waiting.person
    wait = attempts.claim_proof(str(person.pk))
    if wait is not None:
        form.add_error(None, attempts.say_wait(wait))
        answer = _show(request, waiting, form, status=429)
        answer.headers["Retry-After"] = str(int(wait.total_seconds()) + 1)
        return answer
    kind = codes.use_code(person, form.cleaned_data["code"])
    if kind is None:
        record("person.second_factor_failed", str(person.pk), by=None, workspace=None, request=request)
        form.add_error("code", gettext("This code is wrong, or was used already. Wait for the next one."))
        return _show(request, waiting, form, status=422)
    attempts.forget_proof(str(person.pk))
    return entering.finish(request, person, how=waiting.how, target=waiting.target, factor=kind)


def _refuse_passkey(request: HttpRequest, person: User | None) -> HttpResponse:
    subject = str(person.pk) if person is not None else ""
    record("person.second_factor_failed", subject, by=None, workspace=None, request=request, kind="passkey")
    message = gettext("This passkey is not known here, or took too long. Try again, or sign in another way.")
    return render(request, "error.html", {"status": 422, "message": message}, status=422)


def _show(request: HttpRequest, waiting: Waiting, form: SecondFactorForm, *, status: int) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "passkeys": passkeys.are_possible() and passkeys.passkeys_of(waiting.person).exists(),
        "codes": codes.has_codes(waiting.person),
    }
    return render(request, "accounts/second_factor.html", context, status=status)
