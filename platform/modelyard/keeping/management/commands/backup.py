"""`manage.py backup TARGET`: everything that an installation needs, in one file, while it goes on working."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelyard.keeping.archive import BadArchive
from modelyard.keeping.backing_up import back_up


class Command(BaseCommand):
    help = "Write database, files and (where MODELYARD_BACKUP_KEY is set, which encrypts it) secrets into one file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, help="a new file, or a folder for a file named by the time")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = back_up(options["target"])
        except BadArchive as fault:
            raise CommandError(str(fault)) from None
        self.stdout.write(f"{made.path}: {made.files} files, {made.bytes} bytes")
        if not made.has_secrets:
            self.stderr.write(
                "The secrets are not in it, because it is not encrypted: keep HOME/secrets elsewhere, or set "
                "MODELYARD_BACKUP_KEY_FILE."
            )
        if made.absent:
            listed = ", ".join(made.absent[:20])
            raise CommandError(f"{len(made.absent)} folders that rows refer to are missing or damaged: {listed}")
