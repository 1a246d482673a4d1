"""Addresses of the first page."""

from django.urls import path

from modelyard.home import views

urlpatterns = [
    path("", views.show_home, name="home"),
    path("home/work/", views.show_work, name="home-work"),
]
