"""Addresses of the pages of training runs."""

from django.urls import path

from modelyard.runs import views

app_name = "runs"
urlpatterns = [
    path("", views.list_runs, name="list"),
    path("templates/", views.show_templates, name="templates"),
    path("new/", views.new_run, name="new"),
    path("<uuid:run_id>/", views.show_run, name="detail"),
    path("<uuid:run_id>/state/", views.show_state, name="state"),
    path("<uuid:run_id>/curves/", views.show_curves, name="curves"),
    path("<uuid:run_id>/log/", views.show_log, name="log"),
    path("<uuid:run_id>/cancel/", views.cancel, name="cancel"),
    path("<uuid:run_id>/finish/", views.finish, name="finish"),
]
