"""Addresses of models in the platform API."""

from django.urls import path

from modelyard.registry import api

urlpatterns = [
    path("models", api.ModelListView.as_view(), name="models"),
    path("models/<str:name>", api.ModelView.as_view(), name="model"),
    path("models/<str:name>/versions/<int:number>", api.VersionView.as_view(), name="model-version"),
    path("models/<str:name>/versions/<int:number>/threshold", api.ThresholdView.as_view(), name="model-threshold"),
    path("models/<str:name>/versions/<int:number>/download", api.DownloadView.as_view(), name="model-download"),
]
