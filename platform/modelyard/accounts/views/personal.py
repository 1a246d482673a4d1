"""A person's own settings: name, language, password, sessions; which workspace pages are about."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, override
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import people
from modelyard.accounts.forms import PasswordForm, PersonForm
from modelyard.accounts.middleware import SESSION_NAME
from modelyard.accounts.models import User, Workspace
from modelyard.accounts.requests import next_page, person_of
from modelyard.accounts.services import record
from modelyard.errors import InvalidInput, NotFound


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    form = PersonForm(request.POST) if request.method == "POST" else _person_form(person)
    if form.is_valid():
        person.name, person.language = form.cleaned_data["name"], form.cleaned_data["language"]
        person.save(update_fields=["name", "language"])
        answer = redirect("accounts:settings")
        if person.language:
            _remember_language(answer, person.language)
        with override(person.language or None):
            messages.success(request, gettext("Saved."))
        return answer
    return _show_settings(request, form, PasswordForm(person))


@login_required
@require_POST
@sensitive_post_parameters()
def change_password(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    form = PasswordForm(person, request.POST)
    if not form.is_valid():
        return _show_settings(request, _person_form(person), form)
    person.set_password(form.cleaned_data["new_password"])
    person.save(update_fields=["password"])
    update_session_auth_hash(request, person)
    record("person.change_password", str(person.pk), by=person, workspace=None, request=request)
    messages.success(request, gettext("Your password is changed. Other sessions of yours have ended."))
    return redirect("accounts:settings")


@login_required
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    person = person_of(request)
    people.end_sessions(person, by=person, request=request)
    update_session_auth_hash(request, person)
    messages.success(request, gettext("Every other session of yours has ended."))
    return redirect("accounts:settings")


@login_required
@require_POST
def switch_workspace(request: HttpRequest) -> HttpResponse:
    chosen = request.POST.get("workspace", "")
    try:
        workspace = get_object_or_404(Workspace.objects.visible_to(person_of(request)), pk=chosen)
    except ValidationError as fault:
        raise NotFound("there is no such workspace, or it is not yours to see") from fault
    request.session[SESSION_NAME] = str(workspace.pk)
    return HttpResponseRedirect(reverse("home"))


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    language = request.POST.get("language", "")
    if language not in dict(settings.LANGUAGES):
        raise InvalidInput({"language": f"must be one of {', '.join(dict(settings.LANGUAGES))}"})
    answer = HttpResponseRedirect(next_page(request, reverse("home")))
    _remember_language(answer, language)
    if isinstance(request.user, User):
        User.objects.filter(pk=request.user.pk).update(language=language)
    return answer


def _person_form(person: User) -> PersonForm:
    return PersonForm(initial={"name": person.name, "language": person.language})


def _remember_language(answer: HttpResponse, language: str) -> None:
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=365 * 24 * 3600,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _show_settings(request: HttpRequest, person_form: PersonForm, password_form: PasswordForm) -> HttpResponse:
    invalid = person_form.errors or password_form.errors
    context = {"person_form": person_form, "password_form": password_form}
    return render(request, "accounts/settings.html", context, status=422 if invalid else 200)
