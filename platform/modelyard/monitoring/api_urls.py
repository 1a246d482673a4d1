"""Addresses of what is seen of endpoints in the platform API."""

from django.urls import path

from modelyard.monitoring import api

urlpatterns = [
    path("endpoints/<str:name>/traffic", api.TrafficView.as_view(), name="traffic"),
    path("endpoints/<str:name>/failures", api.FailureListView.as_view(), name="failures"),
    path("endpoints/<str:name>/drift", api.DriftView.as_view(), name="drift"),
    path("endpoints/<str:name>/monitoring", api.RulesView.as_view(), name="monitoring"),
]
