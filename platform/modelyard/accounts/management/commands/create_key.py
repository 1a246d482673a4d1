"""`manage.py create_key --email WHO --name NAME [--scope SCOPE]… [--expires DAYS]`: prints the key and nothing else."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from modelyard.accounts.keys import SCOPES, create_key
from modelyard.accounts.models import User, Workspace
from modelyard.errors import ModelyardError


class Command(BaseCommand):
    help = "Make an API key for a person and print it; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose key it is")
        parser.add_argument("--name", required=True, help="what it is for")
        parser.add_argument("--scope", action="append", choices=SCOPES, help="may be repeated; predict where left out")
        parser.add_argument("--endpoint", action="append", default=[], help="may call only this one; may be repeated")
        parser.add_argument("--expires", type=int, metavar="DAYS", help="never where left out")
        parser.add_argument("--workspace", help="the id of the workspace; the person's first where left out")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].lower()).first()
        if user is None:
            raise CommandError(f"there is no account {options['email']}")
        workspaces = Workspace.objects.visible_to(user).order_by("created_at")
        if options["workspace"]:
            workspaces = workspaces.filter(pk=options["workspace"])
        workspace = workspaces.first()
        if workspace is None:
            raise CommandError(f"{user.email} is not a member of such a workspace")
        try:
            _, text = create_key(
                options["name"],
                workspace=workspace,
                user=user,
                scopes=options["scope"] or ["predict"],
                endpoints=options["endpoint"],
                days=options["expires"],
            )
        except ModelyardError as fault:
            raise CommandError(fault.message) from fault
        self.stdout.write(text)
