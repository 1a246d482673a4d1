from django.apps import AppConfig


class KeepingConfig(AppConfig):
    name = "modelyard.keeping"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from modelyard.deletions import deleted
        from modelyard.keeping.receipts import hear

        deleted.connect(hear, dispatch_uid="receipts")
