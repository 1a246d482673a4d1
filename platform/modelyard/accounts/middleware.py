"""Which workspace a page is about: the one that was chosen last, else the person's first."""

from typing import Any

from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import SimpleLazyObject

from modelyard.accounts.models import Workspace

SESSION_NAME = "workspace"


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
