"""Django REST framework as most platforms have it: a view, a serializer, token authentication, one process."""

import hmac
import os

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    SECRET_KEY="of the benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    REST_FRAMEWORK={
        "UNAUTHENTICATED_USER": None,
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    },
)
django.setup()

from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.permissions import BasePermission  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from bench.serving.peers.model import Model  # noqa: E402

model = Model()


class HasKey(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given, os.environ["BENCH_KEY"])


class Numbers(serializers.Serializer):
    instances = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class Pixels(serializers.Serializer):
    instances = serializers.JSONField()


class Encoded(serializers.Serializer):
    b64 = serializers.CharField()


class Images(serializers.Serializer):
    instances = Encoded(many=True)


class Predict(APIView):
    permission_classes = (HasKey,)
    serializer: type[serializers.Serializer] = Numbers

    def post(self, request: Request) -> Response:
        body = self.serializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            array = model.read(body.validated_data["instances"])
        except ValueError as fault:
            raise serializers.ValidationError(str(fault)) from fault
        return Response({"predictions": model.predict(array).tolist()})


urlpatterns = [
    path("predict", Predict.as_view()),
    path("predict_pixels", Predict.as_view(serializer=Pixels)),
    path("predict_images", Predict.as_view(serializer=Images)),
]
application = get_wsgi_application()
