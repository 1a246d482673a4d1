"""The one table from domain errors to answers, for the API and for pages. No stack trace reaches anybody."""

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from modelyard.errors import (
    Conflict,
    InvalidInput,
    ModelyardError,
    NotAllowed,
    NotFound,
    QuotaExceeded,
    StorageAway,
    StorageDamaged,
    StorageFull,
    TooLarge,
)

log = logging.getLogger(__name__)

STATUS: dict[type[ModelyardError], HTTPStatus] = {
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    Conflict: HTTPStatus.CONFLICT,
    QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    StorageAway: HTTPStatus.SERVICE_UNAVAILABLE,
    StorageDamaged: HTTPStatus.INTERNAL_SERVER_ERROR,
    ModelyardError: HTTPStatus.BAD_REQUEST,
}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "insufficient_quota",
}


DATABASE_AWAY = "The database does not answer just now, and nothing was changed. Try again in a moment."


def status_of(fault: ModelyardError) -> HTTPStatus:
    return next(status for kind, status in STATUS.items() if isinstance(fault, kind))


def error_body(message: str, status: int, *, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """`{"error": {"message", "type", "param", "code"}}`"""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def answer_api_error(fault: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the OpenAI-like error object for everything that is foreseen."""
    if isinstance(fault, ModelyardError):
        status = status_of(fault)
        param = next(iter(fault.problems), None) if isinstance(fault, InvalidInput) else None
        if isinstance(fault, QuotaExceeded):
            param = fault.kind
        headers = {"Retry-After": "60"} if status == HTTPStatus.TOO_MANY_REQUESTS else None
        return Response(error_body(fault.message, status, param=param, code=fault.code), status=status, headers=headers)
    answer = exception_handler(fault, context)
    if answer is None:
        return None
    param, message, code = _said(fault)
    answer.data = error_body(message, answer.status_code, param=param, code=code)
    return answer


def _said(fault: Exception) -> tuple[str | None, str, str | None]:
    if isinstance(fault, Http404):
        return None, "there is no such object, or it is not yours to see", "not_found"
    if isinstance(fault, PermissionDenied):
        return None, str(fault) or "this is not yours to do", "not_allowed"
    if isinstance(fault, exceptions.ValidationError):
        return _first_problem(fault.detail, None)
    if isinstance(fault, exceptions.APIException):
        detail = fault.detail
        return None, str(detail), getattr(detail, "code", None)
    return None, "this did not work", None


def _first_problem(detail: Any, param: str | None) -> tuple[str | None, str, str | None]:
    if isinstance(detail, dict):
        name, inner = next(iter(detail.items()))
        return _first_problem(inner, name if param is None else f"{param}.{name}")
    if isinstance(detail, list):
        return _first_problem(detail[0], param)
    return param, str(detail), getattr(detail, "code", None)


class DomainErrorMiddleware:
    """Turns a domain error that a page's view let through into a page that says so."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, fault: Exception) -> HttpResponse | None:
        if not isinstance(fault, ModelyardError):
            return None
        return _page(request, int(status_of(fault)), fault.message)


def _page(request: HttpRequest, status: int, message: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(error_body(message, status), status=status)
    return render(request, "error.html", {"status": status, "message": message}, status=status)


def show_bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 400, "The request could not be understood.")


def show_forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 403, "This is not yours to do.")


def show_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 404, "There is no such page, or it is not yours to see.")


def show_server_error(request: HttpRequest) -> HttpResponse:
    """What nobody foresaw; but a database that is away, locked or out of room is a matter of waiting."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return _tell_database_away(request)
    return _page(request, 500, "Something went wrong on our side. Quote the request id when you ask about it.")


def _tell_database_away(request: HttpRequest) -> HttpResponse:
    """In plain text: a page would ask the database who is there."""
    headers = {"Retry-After": "5"}
    if request.path.startswith("/api/"):
        return JsonResponse(error_body(DATABASE_AWAY, 503, code="database_away"), status=503, headers=headers)
    return HttpResponse(DATABASE_AWAY, content_type="text/plain; charset=utf-8", status=503, headers=headers)


def show_csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(
        request, 403, "This form was open for too long or came from elsewhere. Go back, reload, and send it again."
    )
