"""Keys over the platform API. A session manages them, and so does a key that has the scope `admin`."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.accounts import keys
from modelyard.accounts.models import ApiKey, Role
from modelyard.accounts.serializers import KeySerializer, MadeKeySerializer, NewKeySerializer, RotationSerializer
from modelyard.api_base import WorkspaceView
from modelyard.idempotency import idempotent

ADMIN = {"GET": "admin", "POST": "admin", "DELETE": "admin"}
ANYBODY = {"POST": Role.VIEWER, "DELETE": Role.VIEWER}
"""Which keys a person may manage is the service's to decide: their own, and an owner everybody's."""


class KeyListView(WorkspaceView, ListAPIView[ApiKey]):
    scopes: ClassVar = ADMIN
    roles: ClassVar = ANYBODY
    serializer_class = KeySerializer

    def get_queryset(self) -> QuerySet[ApiKey]:
        if getattr(self, "swagger_fake_view", False):
            return ApiKey.objects.none()
        return ApiKey.objects.manageable_by(self.person, self.workspace).select_related("user")

    @extend_schema(summary="List keys")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(summary="Make a key", request=NewKeySerializer, responses={201: MadeKeySerializer})
    @idempotent(hidden=("key",))
    def post(self, request: Request) -> Response:
        wanted = NewKeySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        days = wanted.validated_data.pop("expires_in_days")
        key, text = keys.create_key(
            workspace=self.workspace,
            user=self.person,
            days=days,
            within=_asking(request),
            request=request,
            **wanted.validated_data,
        )
        return Response(MadeKeySerializer(key, context={"text": text}).data, status=201)


class KeyView(WorkspaceView):
    scopes: ClassVar = ADMIN
    roles: ClassVar = ANYBODY

    @extend_schema(summary="Revoke a key", responses={204: None})
    def delete(self, request: Request, key_id: str) -> Response:
        keys.revoke_key(_key(self, key_id), by=self.person, request=request)
        return Response(status=204)


class KeyRotationView(WorkspaceView):
    scopes: ClassVar = ADMIN
    roles: ClassVar = ANYBODY

    @extend_schema(summary="Rotate a key", request=RotationSerializer, responses={201: MadeKeySerializer})
    @idempotent(hidden=("key",))
    def post(self, request: Request, key_id: str) -> Response:
        wanted = RotationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        successor, text = keys.rotate_key(
            _key(self, key_id), by=self.person, within=_asking(request), request=request, **wanted.validated_data
        )
        return Response(MadeKeySerializer(successor, context={"text": text}).data, status=201)


def _asking(request: Request) -> ApiKey | None:
    """The key that asks; None where it is a session."""
    return request.auth if isinstance(request.auth, ApiKey) else None


def _key(view: WorkspaceView, key_id: str) -> ApiKey:
    mine = ApiKey.objects.manageable_by(view.person, view.workspace).select_related("user", "workspace")
    return get_object_or_404(mine, pk=key_id)
