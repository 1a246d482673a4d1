"""Addresses of data sets and uploads in the platform API."""

from django.urls import path

from modelyard.datasets import api, tus

urlpatterns = [
    path("datasets", api.DatasetsView.as_view(), name="datasets"),
    path("datasets/<uuid:dataset_id>", api.OneDatasetView.as_view(), name="dataset"),
    path("datasets/<uuid:dataset_id>/versions", api.VersionsView.as_view(), name="dataset-versions"),
    path("datasets/<uuid:dataset_id>/comparison", api.ComparisonView.as_view(), name="dataset-comparison"),
    path("dataset-versions/<uuid:version_id>", api.VersionView.as_view(), name="dataset-version"),
    path("uploads", tus.UploadsView.as_view(), name="uploads"),
    path("uploads/<uuid:upload_id>", tus.UploadView.as_view(), name="upload"),
]
