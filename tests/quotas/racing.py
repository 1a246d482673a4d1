"""A process of its own that races for quota on `DATABASE_URL`; see `test_quota_race`."""

import json
import sys
import threading

from django.core.management import call_command
from django.db import connection

from modelyard.accounts.models import Workspace
from modelyard.errors import QuotaExceeded
from modelyard.quotas import services
from modelyard.quotas.models import EntryState, Quota, UsageEntry
from tests import factories

LIMIT = 50
KIND = "endpoints"


def prepare() -> None:
    """Make the tables and a workspace with a limit of 50."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    workspace = factories.make_workspace(factories.make_user("alice"))
    operator = factories.make_user("olga", is_staff=True)
    services.set_limit(workspace, KIND, LIMIT, by=operator)


def race(name: str, threads: int, tries: int) -> None:
    """Reserve from many threads at once; every second grant is committed, so that both counters move."""
    workspace = Workspace.objects.get()
    granted: list[str] = []
    workers = [threading.Thread(target=_try, args=(workspace, f"{name}-{n}", tries, granted)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(json.dumps({"granted": len(granted)}))


def _try(workspace: Workspace, name: str, tries: int, granted: list[str]) -> None:
    for number in range(tries):
        subject = f"{name}-{number}"
        try:
            services.reserve(workspace, KIND, 1, subject=subject)
        except QuotaExceeded:
            continue
        granted.append(subject)
        if number % 2:
            services.commit(workspace, KIND, subject=subject, amount=1)
    connection.close()


def report() -> None:
    """Print what stands in the books after the race."""
    quota = Quota.objects.get(kind=KIND)
    standing = UsageEntry.objects.filter(quota=quota).exclude(state=EntryState.REFUNDED).count()
    wrong = len(services.audit())
    print(json.dumps({"used": quota.used, "reserved": quota.reserved, "entries": standing, "wrong": wrong}))


def main() -> None:
    """`prepare`, `race NAME THREADS TRIES` or `report`."""
    act, *arguments = sys.argv[1:]
    if act == "race":
        race(arguments[0], int(arguments[1]), int(arguments[2]))
    else:
        {"prepare": prepare, "report": report}[act]()
