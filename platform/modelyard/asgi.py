"""The ASGI application: HTTP by Django, websockets by Channels, with the session's user and a checked Origin."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")
http = get_asgi_application()

from django.conf import settings  # noqa: E402

from modelyard.bodies import Bodies  # noqa: E402
from modelyard.origins import OwnPages  # noqa: E402
from modelyard.routing import websocket_urlpatterns  # noqa: E402
from modelyard.safety import refuse_unsafe_start  # noqa: E402

refuse_unsafe_start(settings.ENVIRONMENT)

LARGEST_BODY = 32 * 1024**2
WITH_FILES = ("/api/v1/datasets", "/data/")


def limit_body(path: str) -> int:
    """The largest body that is read below `path`: files of people go to the data pages, everything else is small."""
    if path.startswith(WITH_FILES):
        return settings.ENVIRONMENT.upload_max_bytes + LARGEST_BODY
    return LARGEST_BODY


application = ProtocolTypeRouter(
    {
        "http": Bodies(http, limit_body),
        "websocket": OwnPages(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)), [settings.ENVIRONMENT.public_url]),
    }
)
