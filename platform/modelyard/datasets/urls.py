"""Pages of data sets."""

from django.urls import path

from modelyard.datasets import version_views, views

app_name = "datasets"
urlpatterns = [
    path("", views.list_datasets, name="list"),
    path("new/", views.new_dataset, name="new"),
    path("<uuid:dataset_id>/", views.show_dataset, name="detail"),
    path("<uuid:dataset_id>/delete/", views.delete_dataset, name="delete"),
    path("<uuid:dataset_id>/compare/", views.compare_versions, name="compare"),
    path("versions/<uuid:version_id>/", version_views.show_version, name="version"),
    path("versions/<uuid:version_id>/state/", version_views.show_state, name="state"),
    path("versions/<uuid:version_id>/kind/", version_views.correct_kind, name="kind"),
    path("versions/<uuid:version_id>/file/", version_views.download, name="download"),
    path("versions/<uuid:version_id>/preview/<str:name>", version_views.show_preview, name="preview"),
]
