"""Addresses of the pages of what is seen of an endpoint."""

from django.urls import path

from modelyard.monitoring import views

app_name = "monitoring"
urlpatterns = [
    path("<uuid:endpoint_id>/live/", views.show_live, name="live"),
    path("<uuid:endpoint_id>/failures/", views.show_failures, name="failures"),
    path("<uuid:endpoint_id>/drift/", views.show_drift, name="drift"),
    path("<uuid:endpoint_id>/rules/", views.change_rules, name="rules"),
]
