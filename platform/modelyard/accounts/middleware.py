"""What a session is good for: how long it lives, and which workspace its pages are about."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from modelyard.accounts.factors import holding
from modelyard.accounts.models import User, Workspace

SESSION_NAME = "workspace"
WITHOUT_FACTOR = {
    "health",
    *(f"accounts:{name}" for name in ("language", "sign_out", "security", "set_up_app", "add_passkey")),
    *(f"accounts:{name}" for name in ("offer_to_add_passkey", "renew_recovery_codes")),
}
"""What people who must set up a second factor reach without one."""
IDLE_SECONDS = 12 * 3600
LONGEST_SECONDS = 7 * 24 * 3600
NOTED_EVERY_SECONDS = 300


class SessionAgeMiddleware(MiddlewareMixin):
    """Ends sessions that nobody used for 12 hours, and every session after 7 days."""

    def process_request(self, request: HttpRequest) -> None:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or SESSION_KEY not in request.session:
            return
        now = int(time.time())
        began, seen = request.session.setdefault("began", now), request.session.get("seen", now)
        if now - seen > IDLE_SECONDS or now - began > LONGEST_SECONDS:
            request.session.flush()
        elif "seen" not in request.session or now - seen > NOTED_EVERY_SECONDS:
            request.session["seen"] = now


class SecondFactorMiddleware:
    """Leads people who must have a second factor, and have none, to the page where they set one up.

    The platform API refuses their sessions itself (`accounts.authentication`), and so do websockets.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.app_names[:1] == ["api"] or match.view_name in WITHOUT_FACTOR:
            return None
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        person = request.user
        if not isinstance(person, User) or not holding.is_missing(person, request.session.get(holding.SESSION_HOW, "")):
            return None
        return redirect("accounts:security")


class WorkspaceMiddleware(MiddlewareMixin):
    """Sets `request.workspace`, looked up when first used; None for visitors and people without one."""

    def process_request(self, request: HttpRequest) -> None:
        request.workspace = SimpleLazyObject(lambda: workspace_of(request))  # type: ignore[attr-defined]


def workspace_of(request: HttpRequest) -> Any:
    if not request.user.is_authenticated:
        return None
    mine = Workspace.objects.visible_to(request.user).order_by("created_at")
    chosen = request.session.get(SESSION_NAME)
    return (mine.filter(pk=chosen).first() if chosen else None) or mine.first()
