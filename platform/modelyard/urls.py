"""Every address. Pages are by app; the platform API is below /api/v1/, each app bringing its own part."""

from django.urls import URLPattern, URLResolver, include, path

from modelyard import api_docs, health
from modelyard.monitoring.metrics import show_metrics

api: list[URLPattern | URLResolver] = [
    path("", include("modelyard.accounts.api_urls")),
    path("", include("modelyard.quotas.api_urls")),
    path("", include("modelyard.datasets.api_urls")),
    path("", include("modelyard.runs.api_urls")),
    path("", include("modelyard.registry.api_urls")),
    path("", include("modelyard.endpoints.api_urls")),
    path("", include("modelyard.monitoring.api_urls")),
    path("", include("modelyard.batches.api_urls")),
    path("schema", api_docs.SchemaView.as_view(), name="schema"),
    path("docs", api_docs.DocumentationView.as_view(), name="docs"),
]

urlpatterns = [
    path("healthz", health.show_health, name="health"),
    path("metrics", show_metrics, name="metrics"),
    path("api/v1/", include((api, "api"))),
    path("", include("modelyard.home.urls")),
    path("settings/data/", include("modelyard.keeping.urls")),
    path("", include("modelyard.accounts.urls")),
    path("data/", include("modelyard.datasets.urls")),
    path("runs/", include("modelyard.runs.urls")),
    path("models/", include("modelyard.registry.urls")),
    path("endpoints/", include("modelyard.endpoints.urls")),
    path("endpoints/", include("modelyard.monitoring.urls")),
    path("batches/", include("modelyard.batches.urls")),
    path("usage/", include("modelyard.console.usage_urls")),
    path("admin/", include("modelyard.console.urls")),
]

handler400 = "modelyard.web_errors.show_bad_request"
handler403 = "modelyard.web_errors.show_forbidden"
handler404 = "modelyard.web_errors.show_not_found"
handler500 = "modelyard.web_errors.show_server_error"
