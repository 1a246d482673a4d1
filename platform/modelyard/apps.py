from django.apps import AppConfig


class ModelyardConfig(AppConfig):
    """The project itself: management commands and template tags."""

    name = "modelyard"

    def ready(self) -> None:
        """Have Django know the checks."""
        from modelyard import checks  # noqa: F401
