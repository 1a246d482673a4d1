"""`manage.py audit_verify`: says whether the audit log is as it was written; exits with 1 where it is not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from modelyard.accounts.audit.checking import note_check
from modelyard.accounts.audit.pinning import Pin, pin_path, read_pin
from modelyard.accounts.audit.verifying import Verification


class Command(BaseCommand):
    help = "Walk the chain of the audit log and tell the first event that was changed, removed, inserted or moved."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            metavar="SEQ:HASH",
            help="a head that an earlier audit_verify printed, which must still be in the chain; may be repeated",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            pins = [Pin.parse(text) for text in options["head"]]
            kept = read_pin()
        except ValueError as fault:
            raise CommandError(f"{fault}; the file is {pin_path()}") from fault
        if kept is None:
            self.stdout.write(f"There is no {pin_path()}: whether the end was cut off, only --head can tell.")
        else:
            pins.append(kept)
        walk = Verification(pins).run()
        note_check(walk)
        if walk.fault:
            raise CommandError(
                f"The audit log was tampered with: {walk.fault}. {walk.checked} events before it are good."
            )
        self.stdout.write(f"{walk.checked} events are as they were written; {walk.waiting} wait for their place.")
        if walk.head.seq:
            self.stdout.write(f"Head: {walk.head}")
