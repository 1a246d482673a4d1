"""`Idempotency-Key`: a POST that creates may be sent again after a lost answer, and creates once.

The answer is stored in the transaction of what the handler did, so a crash leaves both or neither. The same key with
the same body gets the stored answer for a day; with another body 422; while the first request is still at work 409.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import QueryDict
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.accounts.models import IdempotentAnswer
from modelyard.api_base import WorkspaceView
from modelyard.errors import Conflict, InvalidInput

HEADER = "Idempotency-Key"
LONGEST = 200
KEPT = timedelta(days=1)
ABANDONED = timedelta(minutes=10)
"""A request that has not answered after this long was killed: the next one with its key does the work."""

PARAMETER = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description=f"Any text of 1 to {LONGEST} printable characters. A repeat with the same key and body within a day "
    "gets the first answer again and creates nothing.",
)

View = TypeVar("View", bound=WorkspaceView)
Rest = ParamSpec("Rest")
Handler = Callable[Concatenate[View, Request, Rest], Response]


def idempotent(*, hidden: tuple[str, ...] = ()) -> Callable[[Handler[View, Rest]], Handler[View, Rest]]:
    """Make the `post` of a view repeatable. Fields named `hidden` are not stored: a repeated answer has null there."""

    def decorate(handler: Handler[View, Rest]) -> Handler[View, Rest]:
        @functools.wraps(handler)
        def post(view: View, request: Request, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Response:
            key = request.headers.get(HEADER)
            if key is None:
                return handler(view, request, *args, **kwargs)
            answer = _claim(view, key, _digest(request))
            if answer.status is not None:
                return Response(answer.body, status=answer.status, headers={"Idempotent-Replayed": "true"})
            return _answer_once(answer, lambda: handler(view, request, *args, **kwargs), hidden)

        return extend_schema(parameters=[PARAMETER])(post)

    return decorate


def _claim(view: WorkspaceView, key: str, digest: str) -> IdempotentAnswer:
    """Return the stored answer, or a new one without status for this request to fill."""
    if not 1 <= len(key) <= LONGEST or not key.isprintable():
        raise InvalidInput({HEADER: f"must be 1 to {LONGEST} printable characters, got {len(key)}"})
    now = timezone.now()
    mine = IdempotentAnswer.objects.filter(workspace=view.workspace)
    mine.filter(created_at__lt=now - KEPT).delete()
    mine.filter(key=key, status=None, created_at__lt=now - ABANDONED).delete()
    answer, fresh = IdempotentAnswer.objects.get_or_create(
        workspace=view.workspace, key=key, defaults={"digest": digest}
    )
    if answer.digest != digest:
        raise InvalidInput({HEADER: "was used for another request; draw a new one for every object you create"})
    if not fresh and answer.status is None:
        raise Conflict("the first request with this Idempotency-Key is still at work; send it again in a moment")
    return answer


def _answer_once(answer: IdempotentAnswer, handle: Callable[[], Response], hidden: tuple[str, ...]) -> Response:
    """Let the handler work and keep its answer. What fails leaves no trace, so that it can be tried again."""
    kept = False
    try:
        with transaction.atomic():
            response = handle()
            if response.status_code < 400:
                body = _plain(response.data, hidden)
                mine = IdempotentAnswer.objects.filter(pk=answer.pk, status=None)
                if not mine.update(status=response.status_code, body=body):
                    raise Conflict("another request with this Idempotency-Key took over; send it again")
                kept = True
    finally:
        if not kept:
            IdempotentAnswer.objects.filter(pk=answer.pk, status=None).delete()
    return response


def _plain(data: Any, hidden: tuple[str, ...]) -> Any:
    body = json.loads(JSONRenderer().render(data))
    return {name: None if name in hidden else value for name, value in body.items()} if hidden else body


def _digest(request: Request) -> str:
    """One digest for method, address, person and body, files included."""
    digest = hashlib.sha256(f"{request.method} {request.path} {request.user.pk}".encode())
    if not isinstance(request.data, QueryDict):
        digest.update(JSONRenderer().render(request.data))
        return digest.hexdigest()
    for name in sorted(request.data):
        for value in request.data.getlist(name):
            digest.update(f"\0{name}\0".encode())
            if isinstance(value, UploadedFile):
                _add_file(digest, value)
            else:
                digest.update(str(value).encode())
    return digest.hexdigest()


def _add_file(digest: Any, file: "UploadedFile[bytes]") -> None:
    digest.update(f"{file.name}\0{file.size}\0".encode())
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
