"""The platform API described: OpenAPI for programs, a page for people. Anybody may read both."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

ERROR = {
    "type": "object",
    "description": "What went wrong: what came, what was wanted, how to repair it.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string", "description": "The family of the error, the same for one status."},
                "param": {"type": ["string", "null"], "description": "The parameter that does not fit."},
                "code": {"type": ["string", "null"], "description": "A word for programs."},
            },
        }
    },
}
ERRORS = {"401": "No key or session, or one that has ended.", "4XX": "The request cannot be fulfilled as it is."}


class SchemaView(SpectacularAPIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI from our own host; its script is a second answer of this address, so that the CSP holds."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    url_name = "api:schema"
    template_name = "api/documentation.html"


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "modelyard.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "mdy_…",
            "description": "An API key, made on the page Keys or by `manage.py create_key`.",
        }


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "modelyard.accounts.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The session of a browser; what changes something also needs the CSRF token.",
        }


def describe_errors(result: dict[str, Any], **context: Any) -> dict[str, Any]:
    """Add the errors that every call may answer with, once for all (a hook of drf-spectacular)."""
    result["components"].setdefault("schemas", {})["Error"] = ERROR
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for calls in result["paths"].values():
        for call in calls.values():
            for status, description in ERRORS.items():
                call["responses"].setdefault(status, {"description": description, "content": content})
    return result
