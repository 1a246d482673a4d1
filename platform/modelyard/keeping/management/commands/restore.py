"""`manage.py restore ARCHIVE`: an installation out of a backup, on a machine that has none."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from modelyard.errors import StorageAway
from modelyard.keeping.archive import BadArchive
from modelyard.keeping.restoring import restore


class Command(BaseCommand):
    help = "Restore a backup into an empty home, database and storage; a damaged one is refused, with nothing changed."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path)
        parser.add_argument(
            "--revoke-keys", action="store_true", help="end all API keys: some may have been revoked since the backup"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = restore(options["archive"], revoke_keys=options["revoke_keys"])
        except BadArchive as fault:
            raise CommandError(f"Nothing was restored: {fault}") from None
        except StorageAway as fault:
            raise CommandError(f"Nothing was restored: {fault.message} {fault.__cause__}") from None
        except (OSError, DatabaseError) as fault:
            raise CommandError(f"Nothing was restored: {fault}") from fault
        self.stdout.write(f"Restored as of {done.made_at}: {done.files} files. Start it as you started the former one.")
        if done.absent:
            self.stderr.write(f"The backup had no files of {', '.join(done.absent[:20])}")
        if done.keys:
            self.stderr.write(
                f"{done.keys} API keys work again, also those that were revoked after the backup: look at them, or "
                "restore with --revoke-keys"
            )
