"""To the identity provider and back. People who are signed in already come back connected."""

import time

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from modelyard.accounts import entering, single_sign_on
from modelyard.accounts.factors.holding import SINGLE_SIGN_ON
from modelyard.accounts.models import User
from modelyard.accounts.requests import next_page, person_of
from modelyard.accounts.services import record
from modelyard.accounts.views.factors import SESSION_CONNECT
from modelyard.errors import Conflict, ModelyardError

SESSION_TARGET = "single_sign_on_target"


@require_http_methods(["GET", "HEAD"])
def leave(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated and not _may_connect(request):
        return redirect("accounts:security")
    answer = single_sign_on.leave(request)
    request.session[SESSION_TARGET] = next_page(request, reverse("home"))
    return answer


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD"])
def come_back(request: HttpRequest) -> HttpResponse:
    target = request.session.pop(SESSION_TARGET, reverse("home"))
    claims = single_sign_on.claims_of(request)
    if isinstance(request.user, User):
        if not _may_connect(request):
            raise Conflict(gettext("You are signed in already."))
        del request.session[SESSION_CONNECT]
        single_sign_on.connect(request.user, claims, request=request)
        messages.success(request, gettext("Connected: from now on you can sign in that way."))
        return redirect("accounts:security")
    try:
        person = single_sign_on.admit(claims, language=request.LANGUAGE_CODE, request=request)
    except ModelyardError as fault:
        subject = str(claims.get("sub"))[:200]
        record("person.sign_in_failed", subject, by=None, workspace=None, request=request, reason=fault.message)
        raise
    return entering.enter(request, person, how=SINGLE_SIGN_ON, target=target)


def _may_connect(request: HttpRequest) -> bool:
    """Whether the person has shown a moment ago that it is them who connects the account."""
    return bool(request.session.get(SESSION_CONNECT, 0) > time.time())


@login_required
@require_POST
def disconnect(request: HttpRequest) -> HttpResponse:
    single_sign_on.disconnect(person_of(request), request=request)
    messages.success(request, gettext("Signing in that way is switched off."))
    return redirect("accounts:security")
