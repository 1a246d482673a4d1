"""`manage.py doctor`: looks at settings and partners, and says what to do."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from modelyard.doctoring import machine, partners
from modelyard.doctoring.findings import Check, Finding, Level

CHECKS: tuple[Check, ...] = (
    machine.check_settings,
    machine.check_home,
    machine.check_addresses,
    machine.check_mail,
    machine.check_gpu,
    partners.check_database,
    partners.check_redis,
    partners.check_object_store,
    partners.check_workers,
    partners.check_predictor,
)
MARKS = {Level.GOOD: "  good", Level.WARN: "? warn", Level.BAD: "! BAD "}


class Command(BaseCommand):
    help = "Find what is wrong with this installation. Exit status: 0 good or warnings only, 1 something is bad."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = [finding for check in CHECKS for finding in check()]
        worst = [finding for finding in findings if finding.level is Level.BAD]
        doubtful = [finding for finding in findings if finding.level is Level.WARN]
        if options["json"]:
            told = {"bad": len(worst), "warn": len(doubtful), "findings": [finding.to_json() for finding in findings]}
            self.stdout.write(json.dumps(told, indent=1))
        else:
            self._print(findings)
        if worst or (options["strict"] and doubtful):
            raise SystemExit(1)

    def _print(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.stdout.write(f"{MARKS[finding.level]}  {finding.about}: {finding.message}")
            if finding.advice:
                self.stdout.write(f"        → {finding.advice}")
