"""Who asks the platform API: a key (`Authorization: Bearer mdy_…` or `X-API-Key`), or the session of the browser."""

from typing import Any

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from modelyard.accounts.factors import holding
from modelyard.accounts.keys import USE_NOTED_EVERY, find_key, note_use
from modelyard.accounts.middleware import workspace_of
from modelyard.accounts.models import ApiKey, User
from modelyard.contracts.keys import MalformedKey


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """Sets `request.auth` to the `ApiKey` and `request.workspace` to the key's workspace."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        text = _key_text(request)
        if text is None:
            return None
        try:
            key = find_key(text)
        except MalformedKey as fault:
            raise exceptions.AuthenticationFailed(str(fault), code="malformed_key") from fault
        if key is None:
            raise exceptions.AuthenticationFailed("the API key is unknown, expired or revoked", code="invalid_key")
        now = timezone.now()
        if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
            note_use([key.id], now)
        request._request.workspace = key.workspace  # type: ignore[attr-defined]
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="modelyard"'


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session, with CSRF; the workspace is the one chosen in the page."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is not None:
            if holding.is_missing(found[0], request._request.session.get(holding.SESSION_HOW, "")):
                message = "this account needs a second factor; set one up under Settings, Security"
                raise exceptions.PermissionDenied(message, code="second_factor_missing")
            request._request.workspace = workspace_of(request._request)  # type: ignore[attr-defined]
        return found

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="modelyard"'


def _key_text(request: Request) -> str | None:
    header = request.headers.get("Authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    return request.headers.get("X-API-Key") or None
