from django.apps import AppConfig


class ModelyardConfig(AppConfig):
    """The project itself: management commands and template tags."""

    name = "modelyard"
