"""Every websocket address."""

from django.urls import URLPattern, path

from modelyard.batches.consumers import BatchConsumer
from modelyard.datasets.consumers import VersionConsumer
from modelyard.runs.consumers import RunConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/runs/<uuid:run_id>/", RunConsumer.as_asgi()),
    path("ws/batches/<uuid:batch_id>/", BatchConsumer.as_asgi()),
    path("ws/dataset-versions/<uuid:version_id>/", VersionConsumer.as_asgi()),
]
