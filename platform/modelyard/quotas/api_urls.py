from django.urls import path

from modelyard.quotas import api

urlpatterns = [path("quotas", api.QuotaListView.as_view(), name="quotas")]
