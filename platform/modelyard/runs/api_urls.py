"""Addresses of training runs and model templates in the platform API."""

from django.urls import path

from modelyard.runs import api

urlpatterns = [
    path("model-templates", api.ModelTemplatesView.as_view(), name="model-templates"),
    path("runs", api.RunsView.as_view(), name="runs"),
    path("runs/<uuid:run_id>", api.OneRunView.as_view(), name="run"),
    path("runs/<uuid:run_id>/epochs", api.EpochsView.as_view(), name="run-epochs"),
    path("runs/<uuid:run_id>/log", api.LogView.as_view(), name="run-log"),
    path("runs/<uuid:run_id>/cancel", api.CancelView.as_view(), name="run-cancel"),
    path("runs/<uuid:run_id>/finish", api.FinishView.as_view(), name="run-finish"),
]
