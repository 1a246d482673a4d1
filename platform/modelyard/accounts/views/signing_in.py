"""Coming and going: sign in, sign up, sign out, a forgotten password."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, logout
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import attempts, entering, people, recovery, single_sign_on
from modelyard.accounts.factors import passkeys
from modelyard.accounts.forms import ForgottenForm, SignInForm, SignUpForm
from modelyard.accounts.models import User
from modelyard.accounts.requests import address_of, next_page
from modelyard.accounts.services import record
from modelyard.errors import Conflict, InvalidInput


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    target = next_page(request, reverse("home"))
    if request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return _try_to_sign_in(request, form, target)
    return _show_sign_in(request, form, target, status=422 if form.errors else 200)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    if not settings.ENVIRONMENT.sign_up:
        raise Http404
    target = next_page(request, reverse("home"))
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        wait = attempts.claim_sign_up(address_of(request))
        if wait is not None:
            form.add_error(None, attempts.say_wait(wait))
            return render(request, "accounts/sign_up.html", {"form": form, "next": target}, status=429)
        language = request.LANGUAGE_CODE
        try:
            person = people.sign_up(**form.cleaned_data, language=language, request=request)
        except InvalidInput as fault:
            form.add_error("password", fault.problems["password"])
        except Conflict as fault:
            form.add_error("email", fault.message)
        else:
            return entering.finish(request, person, how="sign-up", target=target)
    context = {"form": form, "next": target}
    return render(request, "accounts/sign_up.html", context, status=422 if form.errors else 200)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; who came by the identity provider is told how to end the one there.

    By a link, not by sending them on: our policy lets no form lead to other hosts.
    """
    way_out = single_sign_on.way_out(request)
    logout(request)
    if not way_out:
        return redirect("accounts:sign_in")
    context = {"way_out": way_out, "single_sign_on": single_sign_on.provider()}
    return render(request, "accounts/signed_out.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link. The answer is the same whether there is such an account or not."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        recovery.send_link(form.cleaned_data["email"])
        return redirect("accounts:forgotten_sent")
    return render(request, "accounts/forgotten.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD"])
def forgotten_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/forgotten_sent.html")


@method_decorator(require_http_methods(["GET", "HEAD", "POST"]), name="dispatch")
class ChooseNewPassword(PasswordResetConfirmView):
    """The page behind the link; it ends every session of the account."""

    template_name = "accounts/choose_password.html"
    success_url = reverse_lazy("accounts:sign_in")
    http_method_names = ("get", "head", "post")

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        assert isinstance(form.user, User)
        people.end_sessions(form.user, by=form.user, request=self.request)
        record("person.reset_password", str(form.user.pk), by=form.user, workspace=None, request=self.request)
        return answer


def _try_to_sign_in(request: HttpRequest, form: SignInForm, target: str) -> HttpResponse:
    email, address = form.cleaned_data["email"].lower(), address_of(request)
    known = entering.is_known(request, email)
    wait = attempts.claim_sign_in(email, address, known=known)
    if wait is not None:
        form.add_error(None, attempts.say_wait(wait))
        answer = _show_sign_in(request, form, target, status=429)
        answer.headers["Retry-After"] = str(int(wait.total_seconds()) + 1)
        return answer
    person = authenticate(request, username=email, password=form.cleaned_data["password"])
    if not isinstance(person, User):
        record("person.sign_in_failed", email[:200], by=None, workspace=None, request=request)
        form.add_error(None, gettext("This address and password do not belong together. Check both and try again."))
        return _show_sign_in(request, form, target, status=422)
    attempts.forget_sign_in(email, address, known=known)
    return entering.enter(request, person, how="password", target=target)


def _show_sign_in(request: HttpRequest, form: SignInForm, target: str, *, status: int) -> HttpResponse:
    context = {
        "form": form,
        "next": target,
        "sign_up_allowed": settings.ENVIRONMENT.sign_up,
        "single_sign_on": settings.ENVIRONMENT.single_sign_on,
        "passkeys": passkeys.are_possible(),
    }
    return render(request, "accounts/sign_in.html", context, status=status)
