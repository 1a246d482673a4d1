"""What a session is good for: how long it lives, and which workspace its pages are about."""

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from modelyard.accounts.models import Workspace

SESSION_NAME = "workspace"
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
