"""`manage.py erase_person EMAIL --by OPERATOR`: delete an account for somebody who asks for it; prints the receipt."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelyard.accounts.models import User
from modelyard.errors import Conflict, NotAllowed
from modelyard.keeping.receipts import describe
from modelyard.keeping.services import erase_person


class Command(BaseCommand):
    help = "Delete an account with everything that is its person's alone, and print the receipt."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument(
            "--by", required=True, metavar="OPERATOR", help="the e-mail address of the operator who does it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            receipt = erase_person(self._find(options["email"]), by=self._find(options["by"]))
        except (Conflict, NotAllowed) as fault:
            raise CommandError(f"Nothing was deleted: {fault.message}") from None
        self.stdout.write(json.dumps(describe(receipt), indent=1))

    def _find(self, email: str) -> User:
        person = User.objects.filter(email=email.lower()).first()
        if person is None:
            raise CommandError(f"nobody has the e-mail address {email}")
        return person
