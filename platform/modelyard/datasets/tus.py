"""Resumable uploads, tus 1.0.0: core, creation, creation-with-upload, termination, expiration, checksum.

The body is written to disk as it arrives (`modelyard.bodies`): a broken connection loses what was on the wire only.
"""

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import http_date
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException

from modelyard.api_base import WorkspaceView
from modelyard.bodies import Cut, arriving
from modelyard.datasets import uploads
from modelyard.datasets.appending import ALGORITHMS, Append, Checksum, Mismatch
from modelyard.datasets.models import Upload
from modelyard.errors import InvalidInput, ModelyardError, NotFound
from modelyard.web_errors import answer_api_error, error_body

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
CONTENT_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")
METADATA_KEY = re.compile(r"[!-+\--~]{1,100}")


class Refused(Exception):
    """The protocol was not kept; answered with `status`."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param = status, param


class Caller(WorkspaceView):
    """Identifies who asks, by the same rules as the rest of the API."""

    @classmethod
    def admit(cls, request: HttpRequest) -> "Caller":
        """Return who asks. Raises `APIException` (401, 403) for who may not."""
        caller = cls()
        caller.setup(request)
        caller.request = caller.initialize_request(request)
        try:
            caller.perform_authentication(caller.request)
            caller.check_permissions(caller.request)
        except APIException as fault:
            fault.auth_header = caller.get_authenticate_header(caller.request)  # type: ignore[attr-defined]
            raise
        return caller


@method_decorator(csrf_exempt, name="dispatch")
class TusView(View):
    """What both addresses share. CSRF is checked by the session's authentication, not for keys."""

    view_is_async = True

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        _override_method(request)
        try:
            answer = await self._answer(request, **kwargs)
        except Refused as fault:
            answer = JsonResponse(error_body(str(fault), fault.status, param=fault.param), status=fault.status)
        except (ModelyardError, APIException) as fault:
            answer = await sync_to_async(_say)(fault)
        answer.headers.setdefault("Tus-Resumable", VERSION)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    async def _answer(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            return _show_abilities()
        handler: Callable[..., Awaitable[HttpResponse]] | None = getattr(self, (request.method or "").lower(), None)
        if request.method not in ("POST", "HEAD", "PATCH", "DELETE") or handler is None:
            raise Refused(405, f"the method {request.method} is not known here")
        if request.headers.get("Tus-Resumable") != VERSION:
            answer = JsonResponse(
                error_body(f"Tus-Resumable must be {VERSION}", 412, param="Tus-Resumable"), status=412
            )
            answer.headers["Tus-Version"] = VERSION
            return answer
        caller = await sync_to_async(Caller.admit)(request)
        return await handler(request, caller, **kwargs)


class UploadsView(TusView):
    """`/api/v1/uploads`: make one, with or without its first bytes."""

    async def post(self, request: HttpRequest, caller: Caller) -> HttpResponse:
        if "Upload-Defer-Length" in request.headers:
            raise Refused(400, "the length must be known: send Upload-Length", "Upload-Length")
        length = _read_number(request, "Upload-Length")
        filename = _read_metadata(request).get("filename", "")
        with_bytes = request.content_type == CONTENT_TYPE
        checksum = _read_checksum(request) if with_bytes else None
        upload = await sync_to_async(_create)(caller, filename, length)
        answer = HttpResponse(status=201)
        answer.headers["Location"] = request.build_absolute_uri(reverse("api:upload", args=[upload.pk]))
        offset = await _append(request, upload, 0, checksum) if with_bytes else 0
        answer.headers["Upload-Offset"] = str(offset)
        _say_expiry(answer, upload.expires_at)
        return answer


class UploadView(TusView):
    """`/api/v1/uploads/<id>`: how far it is, more of it, no more of it."""

    async def head(self, request: HttpRequest, caller: Caller, upload_id: UUID) -> HttpResponse:
        upload = await sync_to_async(_find)(caller, upload_id)
        answer = HttpResponse(status=200)
        answer.headers["Upload-Offset"] = str(await sync_to_async(uploads.offset_of)(upload))
        answer.headers["Upload-Length"] = str(upload.length)
        _say_expiry(answer, upload.expires_at)
        return answer

    async def patch(self, request: HttpRequest, caller: Caller, upload_id: UUID) -> HttpResponse:
        if request.content_type != CONTENT_TYPE:
            raise Refused(415, f"the content type must be {CONTENT_TYPE}", "Content-Type")
        offset = _read_number(request, "Upload-Offset")
        checksum = _read_checksum(request)
        upload = await sync_to_async(_find)(caller, upload_id)
        declared = int(request.META.get("CONTENT_LENGTH") or 0)
        if offset + declared > upload.length:
            raise Refused(413, f"{offset + declared} bytes would be more than the {upload.length} it was made for")
        answer = HttpResponse(status=204)
        answer.headers["Upload-Offset"] = str(await _append(request, upload, offset, checksum))
        _say_expiry(answer, upload.expires_at)
        return answer

    async def delete(self, request: HttpRequest, caller: Caller, upload_id: UUID) -> HttpResponse:
        upload = await sync_to_async(_find)(caller, upload_id)
        await sync_to_async(uploads.discard_upload)(upload)
        return HttpResponse(status=204)


async def _append(request: HttpRequest, upload: Upload, offset: int, checksum: Checksum | None) -> int:
    """Write the body at `offset` and return where the upload stands; a cut body keeps what arrived."""
    append = await sync_to_async(Append)(upload, offset, checksum)
    complete = False
    try:
        async for block in arriving(request):
            await sync_to_async(append.write)(block)
        complete = True
    except Cut as fault:
        raise Refused(408, "the connection broke or fell silent; ask for the offset and go on from there") from fault
    finally:
        reached = await sync_to_async(append.finish)(complete=complete)
    return reached


def _create(caller: Caller, filename: str, length: int) -> Upload:
    return uploads.create_upload(caller.workspace, by=caller.person, filename=filename, length=length)


def _find(caller: Caller, upload: UUID) -> Upload:
    found = uploads.find_upload(caller.workspace, upload)
    if found.used_at is not None:
        raise NotFound("This upload has become a data set version; make a new one for another.")
    return found


def _show_abilities() -> HttpResponse:
    answer = HttpResponse(status=204)
    answer.headers["Tus-Version"] = VERSION
    answer.headers["Tus-Extension"] = EXTENSIONS
    answer.headers["Tus-Max-Size"] = str(settings.ENVIRONMENT.upload_max_bytes)
    answer.headers["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
    return answer


def _override_method(request: HttpRequest) -> None:
    """Some proxies let only GET and POST pass; the protocol has a header for them."""
    wanted = request.headers.get("X-HTTP-Method-Override", "").upper()
    if request.method == "POST" and wanted in ("PATCH", "DELETE"):
        request.method = wanted


def _read_number(request: HttpRequest, header: str) -> int:
    text = request.headers.get(header, "")
    if not WHOLE_NUMBER.fullmatch(text):
        raise Refused(400, f"{header} must be a whole number of bytes, got {text[:40]!r}", header)
    return int(text)


def _read_checksum(request: HttpRequest) -> Checksum | None:
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    try:
        return Checksum.parse(text)
    except InvalidInput as fault:
        raise Refused(400, fault.message, "Upload-Checksum") from fault


def _read_metadata(request: HttpRequest) -> dict[str, str]:
    """`filename d29ybGQ=,secret` as a dictionary; text is what the base64 says in UTF-8."""
    found: dict[str, str] = {}
    for part in filter(None, request.headers.get("Upload-Metadata", "").split(",")):
        key, _space, encoded = part.strip().partition(" ")
        if not METADATA_KEY.fullmatch(key) or key in found:
            raise Refused(
                400, "Upload-Metadata must be 'key base64' pairs with commas between, no key twice", "Upload-Metadata"
            )
        try:
            found[key] = b64decode(encoded.strip(), validate=True).decode("utf-8", "replace")
        except ValueError as fault:
            raise Refused(400, f"Upload-Metadata: the value of {key[:40]} is not base64", "Upload-Metadata") from fault
    return found


def _say_expiry(answer: HttpResponse, moment: datetime) -> None:
    answer.headers["Upload-Expires"] = http_date(moment.timestamp())


def _say(fault: ModelyardError | APIException) -> HttpResponse:
    said = answer_api_error(fault, {})
    if said is None:
        raise fault
    status = CHECKSUM_MISMATCH if isinstance(fault, Mismatch) else said.status_code
    answer = JsonResponse(said.data, status=status)
    if isinstance(fault, Mismatch):
        answer.reason_phrase = "Checksum Mismatch"
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in said.headers:
            answer.headers[name] = said.headers[name]
    return answer
