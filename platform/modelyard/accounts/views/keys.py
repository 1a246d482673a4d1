"""Keys for programs: who can call what, until when, when last."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import keys, members
from modelyard.accounts.forms import KeyForm, RotationForm
from modelyard.accounts.models import ApiKey
from modelyard.accounts.requests import person_of, workspace_of_page
from modelyard.errors import InvalidInput, NotAllowed

FIELDS = {"expires": "days"}
"""Where the form has another word than the service."""


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def keys_page(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _show_keys(request, KeyForm(initial=_proposal(request)))
    form = KeyForm(request.POST)
    if form.is_valid():
        try:
            key, text = keys.create_key(
                workspace=workspace_of_page(request), user=person_of(request), request=request, **form.cleaned_data
            )
        except InvalidInput as fault:
            for name, problem in fault.problems.items():
                form.add_error(FIELDS.get(name, name), problem)
        except NotAllowed as fault:
            form.add_error("scopes", fault.message)
        else:
            return _show_keys(request, KeyForm(), made=key, secret=text)
    return _show_keys(request, form)


@login_required
@require_POST
def rotate(request: HttpRequest, key_id: str) -> HttpResponse:
    key = get_object_or_404(_visible_keys(request), pk=key_id)
    form = RotationForm(request.POST)
    if not form.is_valid():
        raise InvalidInput({"overlap_hours": " ".join(str(problem) for problem in form.errors["overlap_hours"])})
    successor, text = keys.rotate_key(key, by=person_of(request), request=request, **form.cleaned_data)
    return _show_keys(request, KeyForm(), made=successor, secret=text)


@login_required
@require_POST
def revoke(request: HttpRequest, key_id: str) -> HttpResponse:
    key = get_object_or_404(_visible_keys(request), pk=key_id)
    keys.revoke_key(key, by=person_of(request), request=request)
    messages.success(request, gettext("The key %(name)s is revoked; nothing accepts it any more.") % {"name": key.name})
    return redirect("accounts:keys")


def _proposal(request: HttpRequest) -> dict[str, object]:
    """What the form starts with: `?endpoint=` is how an endpoint's page asks for a key that calls it."""
    endpoint = request.GET.get("endpoint", "")
    if not keys.ENDPOINT_NAME.match(endpoint):
        return {}
    return {"endpoints": endpoint, "name": gettext("Calls %(endpoint)s") % {"endpoint": endpoint}}


def _visible_keys(request: HttpRequest) -> QuerySet[ApiKey]:
    return ApiKey.objects.manageable_by(person_of(request), workspace_of_page(request)).select_related(
        "user", "workspace"
    )


def _show_keys(request: HttpRequest, form: KeyForm, *, made: ApiKey | None = None, secret: str = "") -> HttpResponse:
    everything = _visible_keys(request).order_by("-created_at")
    context = {
        "live": [key for key in everything if key.is_live],
        "ended": [key for key in everything if not key.is_live],
        "form": form,
        "made": made,
        "secret": secret,
        "sees_all": members.may_manage(person_of(request), workspace_of_page(request)),
    }
    return render(request, "accounts/keys.html", context, status=422 if form.errors else 200)
