from django.apps import AppConfig


class EndpointsConfig(AppConfig):
    name = "modelyard.endpoints"
    default_auto_field = "django.db.models.BigAutoField"
