from django.urls import path

from modelyard.accounts import api

urlpatterns = [
    path("keys", api.KeyListView.as_view(), name="keys"),
    path("keys/<str:key_id>", api.KeyView.as_view(), name="key"),
    path("keys/<str:key_id>/rotate", api.KeyRotationView.as_view(), name="key_rotation"),
]
