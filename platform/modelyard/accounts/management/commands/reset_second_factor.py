"""Take the second factors from a person who lost theirs, and end their sessions: the password alone signs in again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from modelyard.accounts.factors.holding import reset_factors
from modelyard.accounts.models import User


class Command(BaseCommand):
    help = "Take app, passkeys and recovery codes from a person, and end their sessions. It is in the audit log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="the person's e-mail address")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        person = User.objects.filter(email=email.lower()).first()
        if person is None:
            raise CommandError(f"there is no account {email}")
        count = reset_factors(person, by=None)
        self.stdout.write(f"{person.email} had {count} second factors, recovery codes among them; they are gone")
