"""What every request gets: an id to quote in a question, in the answer's `x-request-id` and in the log."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

GIVEN = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


class RequestIdMiddleware(MiddlewareMixin):
    """Takes a well-formed `X-Request-Id` over, else draws one; private pages are not kept by caches."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def process_request(self, request: HttpRequest) -> None:
        given = request.headers.get("x-request-id", "")
        request.request_id = given if GIVEN.match(given) else uuid.uuid4().hex  # type: ignore[attr-defined]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response.headers["x-request-id"] = getattr(request, "request_id", "")
        response.headers.setdefault("Cache-Control", "no-store, private")
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response
