from django.urls import path

from modelyard.console import usage

app_name = "quotas"
urlpatterns = [
    path("", usage.usage_page, name="usage"),
    path("<str:grouping>.csv", usage.usage_csv, name="usage_csv"),
]
