"""Addresses of endpoints, aliases and usage in the platform API."""

from django.urls import path

from modelyard.endpoints import api, usage_api

urlpatterns = [
    path("endpoints", api.EndpointListView.as_view(), name="endpoints"),
    path("endpoints/<str:name>", api.EndpointView.as_view(), name="endpoint"),
    path("endpoints/<str:name>/releases", api.ReleaseListView.as_view(), name="releases"),
    path("models/<str:name>/aliases/<str:alias>", api.AliasView.as_view(), name="alias"),
    path("usage", usage_api.UsageView.as_view(), name="usage"),
]
