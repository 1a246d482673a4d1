"""A process of its own that races for quota on `DATABASE_URL`; see `test_quota_race` and `test_warning_race`."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.core.management import call_command
from django.db import connection

from modelyard.accounts.models import Workspace
from modelyard.errors import QuotaExceeded
from modelyard.quotas import services
from modelyard.quotas.models import EntryState, Quota, UsageEntry
from modelyard.quotas.warning import tell_warnings
from tests import factories

LIMIT = 50
KINDS = ("concurrent_runs", "training_seconds", "storage_bytes", "endpoints", "predictions")
AT = datetime(2030, 3, 31, 23, 59, 59, tzinfo=UTC)
"""The whole race is run in the last second of a month, however long it takes."""
MOST_CONNECTIONS = 20
"""Of one process at a time: a PostgreSQL server has not one for each of 512 threads."""


def prepare() -> None:
    """Make the tables and a workspace with a limit of 50 of everything."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    workspace = factories.make_workspace(factories.make_user("alice"))
    operator = factories.make_user("olga", is_staff=True)
    for kind in KINDS:
        services.set_limit(workspace, kind, LIMIT, by=operator)


def race(name: str, threads: str, tries: str) -> None:
    """Reserve from many threads at once; every second grant is committed, so that both counters move."""
    workspace = Workspace.objects.get()
    granted: list[str] = []
    free = threading.BoundedSemaphore(MOST_CONNECTIONS)

    def racer(number: int) -> Callable[[], None]:
        return lambda: _try(workspace, f"{name}-{number}", int(tries), granted, free)

    run_all([racer(number) for number in range(int(threads))])
    print(json.dumps(Counter(granted)))


def run_all(acts: list[Callable[[], None]]) -> None:
    """Each act in a thread of its own, all at once."""
    barrier = threading.Barrier(len(acts))

    def begin(act: Callable[[], None]) -> None:
        barrier.wait()
        try:
            act()
        finally:
            connection.close()

    racers = [threading.Thread(target=begin, args=[act]) for act in acts]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()


def _try(workspace: Workspace, name: str, tries: int, granted: list[str], free: threading.BoundedSemaphore) -> None:
    for number in range(tries):
        with free:
            for kind in KINDS:
                if _take(workspace, kind, f"{name}-{number}", commit=number % 2 == 1):
                    granted.append(kind)
            connection.close()


def _take(workspace: Workspace, kind: str, subject: str, *, commit: bool) -> bool:
    try:
        services.reserve(workspace, kind, 1, subject=subject, at=AT)
    except QuotaExceeded:
        return False
    if commit:
        services.commit(workspace, kind, subject=subject, amount=1, at=AT)
    return True


def tell(port: str, threads: str) -> None:
    """Send what there is to warn of from several threads, by the mail server at `port`."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", int(port)
    told: list[int] = []
    run_all([lambda: told.append(tell_warnings()) for _ in range(int(threads))])
    print(json.dumps({"told": sum(told)}))


def report() -> None:
    """Print what stands in the books after the race."""
    wrong = len(services.audit())
    books = {}
    for quota in Quota.objects.filter(period__in=["", AT.strftime("%Y-%m")]):
        standing = UsageEntry.objects.filter(quota=quota).exclude(state=EntryState.REFUNDED).count()
        books[quota.kind] = {"taken": quota.used + quota.reserved, "entries": standing, "wrong": wrong}
    print(json.dumps(books))


def main() -> None:
    """`prepare`, `race NAME THREADS TRIES`, `tell PORT THREADS` or `report`."""
    act, *arguments = sys.argv[1:]
    {"prepare": prepare, "race": race, "tell": tell, "report": report}[act](*arguments)
