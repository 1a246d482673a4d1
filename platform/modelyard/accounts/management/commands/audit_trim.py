"""`manage.py audit_trim --before 2026-01-01`: lets go of older audit events; the chain goes on."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from modelyard.accounts.audit.pinning import read_pin
from modelyard.accounts.audit.trimming import trim_events
from modelyard.accounts.audit.verifying import Verification


class Command(BaseCommand):
    help = "Remove the oldest events of the audit log, and say so in it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--before", required=True, metavar="YYYY-MM-DD", help="the first day (UTC) that is kept")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            before = datetime.strptime(options["before"], "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError as fault:
            raise CommandError(f"--before must be a day such as 2026-01-31, got {options['before']!r}") from fault
        pin = read_pin()
        walk = Verification([pin] if pin is not None else []).run()
        if walk.fault:
            raise CommandError(f"nothing was removed, since the audit log was tampered with: {walk.fault}")
        self.stdout.write(f"{trim_events(before)} events were removed.")
