"""Addresses of the pages of batch predictions."""

from django.urls import path

from modelyard.batches import views

app_name = "batches"
urlpatterns = [
    path("", views.list_batches, name="list"),
    path("new/", views.new_batch, name="new"),
    path("<uuid:batch_id>/", views.show_batch, name="detail"),
    path("<uuid:batch_id>/state/", views.show_state, name="state"),
    path("<uuid:batch_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:batch_id>/delete/", views.delete, name="delete"),
    path("<uuid:batch_id>/result/", views.download, name="result"),
]
