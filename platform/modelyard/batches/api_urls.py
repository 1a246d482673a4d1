"""Addresses of batch predictions in the platform API."""

from django.urls import path

from modelyard.batches import api

urlpatterns = [
    path("batch-predictions", api.BatchesView.as_view(), name="batches"),
    path("batch-predictions/<uuid:batch_id>", api.OneBatchView.as_view(), name="batch"),
    path("batch-predictions/<uuid:batch_id>/cancel", api.CancelBatchView.as_view(), name="batch-cancel"),
    path("batch-predictions/<uuid:batch_id>/result", api.BatchResultView.as_view(), name="batch-result"),
]
