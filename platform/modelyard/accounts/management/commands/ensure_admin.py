"""`manage.py ensure_admin`: the first operator, made once; a drawn password is printed, this once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from modelyard.accounts.people import ensure_admin


class Command(BaseCommand):
    help = "Make the first operator from MODELYARD_ADMIN_EMAIL and MODELYARD_ADMIN_PASSWORD, where there is none."

    def handle(self, *args: Any, **options: Any) -> str | None:
        return ensure_admin(settings.ENVIRONMENT.admin_email, settings.ENVIRONMENT.admin_password)
