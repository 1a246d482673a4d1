from django.apps import AppConfig


class BatchesConfig(AppConfig):
    name = "modelyard.batches"
    default_auto_field = "django.db.models.BigAutoField"
