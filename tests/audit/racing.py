"""A process of its own that writes, seals or verifies audit events on `DATABASE_URL`; see `test_audit_race`."""

import json
import sys
import threading
import time
from io import StringIO

from django.core.management import call_command
from django.db import connection, transaction

from modelyard.accounts.audit.pinning import read_pin
from modelyard.accounts.audit.sealing import head, seal_events
from modelyard.accounts.audit.verifying import Verification
from modelyard.accounts.models import AuditEvent, AuditSeal, User, Workspace
from modelyard.accounts.services import record
from modelyard.quotas import services as quotas
from tests import factories

PATIENCE = 240


def prepare() -> None:
    """Make the tables and a workspace."""
    call_command("migrate", run_syncdb=True, verbosity=0)
    factories.make_workspace(factories.make_user("alice"))


def write(name: str, threads: int, times: int) -> None:
    """Write from many threads at once, together with the ledger and in either order; every fifth is taken back."""
    workers = [threading.Thread(target=_write, args=(f"{name}-{number}", number, times)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _write(name: str, order: int, times: int) -> None:
    workspace, person = Workspace.objects.get(), User.objects.get()
    for number in range(times):
        subject = f"{name}-{number}"
        with transaction.atomic():
            if order % 2:
                record("run.request", subject, by=person, workspace=workspace, name=subject)
            quotas.reserve(workspace, "storage_bytes", 1, subject=subject)
            if not order % 2:
                record("run.request", subject, by=person, workspace=workspace, name=subject)
            if number % 5 == 4:
                transaction.set_rollback(True)
    connection.close()


def seal(until: str) -> None:
    """Seal beside the writers, and beside other sealers, until there are as many places as asked for."""
    deadline = time.monotonic() + PATIENCE
    seal_events()
    while AuditSeal.objects.count() < int(until):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{AuditSeal.objects.count()} of {until} events were sealed")
        seal_events()


def late() -> None:
    """Commit an event after newer ones have been sealed."""
    newer = threading.Thread(target=_seal_another)
    with transaction.atomic():
        record("run.request", "late", by=None, workspace=None)
        newer.start()
        newer.join()
    seal_events()


def _seal_another() -> None:
    record("run.request", "soon", by=None, workspace=None)
    seal_events()
    connection.close()


def report() -> None:
    """Print what the verification says."""
    pin = read_pin()
    walk = Verification([pin] if pin is not None else []).run()
    said = {
        "events": AuditEvent.objects.count(),
        "checked": walk.checked,
        "waiting": walk.waiting,
        "fault": walk.fault,
        "pinned": pin == head(),
    }
    print(json.dumps(said))


def upgrade(old: str) -> None:
    """Fill the database as it was before there was a chain, then migrate it."""
    call_command("migrate", "accounts", "0001", verbosity=0)
    columns = "at, action, subject, details, address, key"
    with connection.cursor() as cursor:
        for number in range(int(old)):
            values = [f"2026-01-01 00:00:{number % 60:02}.5+00:00", "run.request", f"{number}", '{"n": 1.0}', None, ""]
            cursor.execute(f"INSERT INTO accounts_auditevent ({columns}) VALUES (%s, %s, %s, %s, %s, %s)", values)
    call_command("migrate", verbosity=0, stdout=StringIO())


def main() -> None:
    """The name of an act and what it takes."""
    act, *arguments = sys.argv[1:]
    if act == "write":
        write(arguments[0], int(arguments[1]), int(arguments[2]))
    elif act in ("seal", "upgrade"):
        {"seal": seal, "upgrade": upgrade}[act](arguments[0])
    else:
        {"prepare": prepare, "report": report, "late": late}[act]()
