"""Addresses of the pages of models."""

from django.urls import path

from modelyard.registry import views

app_name = "registry"
urlpatterns = [
    path("", views.list_models, name="list"),
    path("<uuid:model_id>/", views.show_model, name="detail"),
    path("<uuid:model_id>/compare/", views.compare_versions, name="compare"),
    path("<uuid:model_id>/delete/", views.delete_model, name="delete"),
    path("<uuid:model_id>/versions/<int:number>/", views.show_version, name="version"),
    path("<uuid:model_id>/versions/<int:number>/delete/", views.delete_version, name="delete_version"),
    path("<uuid:model_id>/versions/<int:number>/threshold/", views.choose_threshold, name="choose_threshold"),
    path("<uuid:model_id>/versions/<int:number>/download/<str:format>/", views.download, name="download"),
]
