"""`manage.py check_quotas`: says whether every quota is the sum of its ledger; exits with 1 where one is not."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelyard.quotas.services import audit


class Command(BaseCommand):
    help = "Compare what every quota counts with the sum of its ledger."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = audit()
        for found in wrong:
            quota = found.quota
            self.stdout.write(
                f"{quota.workspace_id} {quota}: counts {quota.used} used and {quota.reserved} reserved, "
                f"the ledger says {found.used} and {found.reserved}"
            )
        if wrong:
            raise CommandError(f"{len(wrong)} quotas differ from their ledger")
        self.stdout.write("Every quota is the sum of its ledger.")
