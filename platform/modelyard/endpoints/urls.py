"""Addresses of the pages of endpoints."""

from django.urls import path

from modelyard.endpoints import reference_views, views

app_name = "endpoints"
urlpatterns = [
    path("", views.list_endpoints, name="list"),
    path("new/", views.create_endpoint, name="new"),
    path("aliases/<uuid:model_id>/", views.change_alias, name="alias"),
    path("<uuid:endpoint_id>/", views.show_endpoint, name="detail"),
    path("<uuid:endpoint_id>/state/", views.show_state, name="state"),
    path("<uuid:endpoint_id>/try/", views.try_endpoint, name="try"),
    path("<uuid:endpoint_id>/reference/", reference_views.show_reference, name="reference"),
    path("<uuid:endpoint_id>/openapi.json", reference_views.download_document, name="document"),
    path("<uuid:endpoint_id>/release/", views.release, name="release"),
    path("<uuid:endpoint_id>/delete/", views.delete_endpoint, name="delete"),
]
