"""`manage.py fsck`: says whether database, files, ledger, audit log and Redis agree. It changes nothing."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from modelyard.consistency.findings import CannotLook
from modelyard.consistency.looking import SUBJECTS, Report, look_at_all

FOUND, BLIND = 1, 2


class Command(BaseCommand):
    help = (
        "Check everything that is stored against what the platform promises, and repair nothing. Exit status: "
        "0 clean, 1 something was found, 2 nothing was found and not everything could be looked at."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--quick", action="store_true", help="compare sizes of files, not their SHA-256")
        parser.add_argument(
            "--now",
            action="store_true",
            help="call files that nothing refers to debris however young they are: while nobody works",
        )
        parser.add_argument(
            "--skip", action="append", default=[], choices=list(SUBJECTS), help="leave a subject out; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = look_at_all(quick=options["quick"], now=options["now"], skip=options["skip"])
        except CannotLook as fault:
            report = Report(unseen={"database": str(fault)})
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(), indent=1))
        else:
            self._print(report)
        if not report.clean:
            raise SystemExit(FOUND if report.findings else BLIND)

    def _print(self, report: Report) -> None:
        for finding in report.findings:
            self.stdout.write(f"! {finding.promise.value}: {finding.where}")
            self.stdout.write(f"      {finding.what}")
            self.stdout.write(f"    → {finding.repair}")
        for subject, why in report.unseen.items():
            self.stdout.write(f"? {subject}: could not be looked at, {why}")
        seen = ", ".join(f"{count} {name}" for name, count in sorted(report.seen.items()))
        self.stdout.write(f"Looked at {seen or 'nothing'}.")
        self.stdout.write(f"{len(report.findings)} findings." if report.findings else "Nothing was found.")
