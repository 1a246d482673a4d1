"""`manage.py document_model_templates`: write `docs/model-templates.md` from what the model templates declare."""

from typing import Any

from django.core.management.base import BaseCommand

from modelyard.catalog.documenting import describe_catalogue
from modelyard.environment import ROOT


class Command(BaseCommand):
    help = "Write docs/model-templates.md from the catalogue."

    def handle(self, *args: Any, **options: Any) -> None:
        (ROOT / "docs" / "model-templates.md").write_text(describe_catalogue(), encoding="utf-8")
