"""The verification that the clock does by itself, a little at a time, and what the console knows of the last one."""

import logging
from datetime import timedelta

from django.utils import timezone

from modelyard.accounts.audit.marking import sign
from modelyard.accounts.audit.pinning import read_pin
from modelyard.accounts.audit.verifying import Verification
from modelyard.accounts.models import AuditCheck

log = logging.getLogger(__name__)

STEPS = 5
"""Of a thousand events each, at one call of the clock: some tenths of a second."""
EVERY = timedelta(days=1)

_walks: list[Verification] = []


def verify_a_little() -> AuditCheck | None:
    """Go on with the day's verification, or begin it; returns what it found once it is through."""
    if not _walks:
        last = last_check()
        if last is not None and last.at > timezone.now() - EVERY:
            return None
        pin = read_pin()
        _walks.append(Verification([pin] if pin is not None else []))
    walk = _walks[0]
    for _step in range(STEPS):
        if walk.done:
            break
        walk.step()
    if not walk.done:
        return None
    _walks.clear()
    return note_check(walk)


def note_check(walk: Verification) -> AuditCheck:
    """Keep what a verification found, signed, in place of what the former one did."""
    check = AuditCheck(at=timezone.now(), events=walk.checked, head=str(walk.head), fault=walk.fault)
    check.mark = sign(_said(check))
    check.save(force_insert=True)
    AuditCheck.objects.exclude(pk=check.pk).delete()
    if check.fault:
        log.error("the audit log was tampered with: %s", check.fault)
    return check


def last_check() -> AuditCheck | None:
    """The newest verification; one that nobody signed is none."""
    newest = AuditCheck.objects.order_by("-at").first()
    return newest if newest is not None and newest.mark == sign(_said(newest)) else None


def _said(check: AuditCheck) -> str:
    at = check.at.isoformat(timespec="microseconds")
    return f"modelyard audit check 1\n{at}\n{check.events}\n{check.head}\n{check.fault}"
