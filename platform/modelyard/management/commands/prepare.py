"""`manage.py prepare`: migrations, static files and the first administrator, before the services start."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelyard.accounts.people import ensure_admin
from modelyard.environment import UnsafeSetting
from modelyard.launching import preparing
from modelyard.safety import refuse_unsafe_start


class Command(BaseCommand):
    help = "Migrate, gather static files and make the first administrator. Safe to repeat."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            refuse_unsafe_start(settings.ENVIRONMENT)
            preparing.make_folders(settings.ENVIRONMENT.home)
            preparing.check_storage(settings.ENVIRONMENT.bucket)
        except (UnsafeSetting, preparing.NoStorage) as fault:
            raise CommandError(str(fault)) from None
        preparing.migrate()
        preparing.collect_static_files()
        password = ensure_admin(settings.ENVIRONMENT.admin_email, settings.ENVIRONMENT.admin_password)
        if password:
            self.stdout.write(
                f"Administrator {settings.ENVIRONMENT.admin_email}, password {password} (shown this once)"
            )
