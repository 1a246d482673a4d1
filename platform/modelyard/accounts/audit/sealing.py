"""Chains committed events, in order. The clock does it every few seconds; it may run anywhere, any number of times.

Requests only write marked events: none waits for another, and no transaction of theirs holds the head of the chain.
Two sealers at once want the same place; the database gives it to one, and the other one comes again.
"""

import logging
from collections.abc import Iterator

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from modelyard.accounts.audit.marking import is_genuine, link
from modelyard.accounts.audit.pinning import Pin, read_pin, trimmed_through, write_pin
from modelyard.accounts.audit.reading import read_events
from modelyard.accounts.models import AuditEvent, AuditSeal
from modelyard.contracts.crash_points import reach

log = logging.getLogger(__name__)

BATCH = 1000
LOOK_BACK = 10_000
"""Events that were written before the newest sealed one and committed after it are looked for this far back."""


def unsealed(after: int = 0) -> Iterator[list[AuditEvent]]:
    """Events above number `after` that have no place in the chain yet, oldest first, some at a time."""
    waiting = AuditEvent.objects.filter(~Exists(AuditSeal.objects.filter(event=OuterRef("pk")))).order_by("pk")
    while numbers := list(waiting.filter(pk__gt=after).values_list("pk", flat=True)[:BATCH]):
        yield list(read_events(numbers).values())
        after = numbers[-1]


def head() -> Pin | None:
    """The newest place of the chain."""
    newest = AuditSeal.objects.order_by("-seq").first()
    return Pin(newest.seq, newest.hash) if newest is not None else None


def seal_events(*, whole: bool = False) -> int:
    """Give every genuine new event its place and pin the head; `whole` looks at all events, not the newest alone."""
    newest = AuditSeal.objects.order_by("-event").first()
    sealed = 0
    for batch in unsealed(newest.event - LOOK_BACK if newest is not None and not whole else 0):
        genuine = [event for event in batch if is_genuine(event)]
        if len(genuine) < len(batch):
            log.error("%d audit events are not genuine and get no place: audit_verify", len(batch) - len(genuine))
        sealed += _seal(genuine)
    pin_head()
    return sealed


def pin_head() -> None:
    """Write the head down outside the database, unless it does not grow out of the one written there: that is proof."""
    try:
        pinned = read_pin()  # before the head, which another sealer may be moving and pinning
        newest = head()
        if newest is None or newest == pinned:
            return
        if pinned is not None and not _grows(pinned, newest):
            log.error("the audit log was cut off or replaced after its pinned head %d. audit_verify", pinned.seq)
            return
        reach("audit.before_pinning")
        write_pin(newest)
    except (OSError, ValueError) as fault:
        log.error("the head of the audit log could not be pinned: %s", fault)


def _grows(pinned: Pin, newest: Pin) -> bool:
    """Whether the links lead from one head to the other; from where retention cut, if the former lay before that."""
    at = max(pinned, trimmed_through(), key=lambda pin: pin.seq)
    while seals := list(AuditSeal.objects.filter(seq__gt=at.seq, seq__lte=newest.seq).order_by("seq")[:BATCH]):
        events = read_events(seal.event for seal in seals)
        for seal in seals:
            event = events.get(seal.event)
            if event is None or seal.seq != at.seq + 1 or seal.hash != link(at.hash, seal.seq, seal.event, event.mark):
                return False
            at = Pin(seal.seq, seal.hash)
    return at == newest


def _seal(events: list[AuditEvent]) -> int:
    try:
        with transaction.atomic():
            newest = head() or Pin(0, "")
            seals = []
            for event in events:
                seq = newest.seq + 1
                newest = Pin(seq, link(newest.hash, seq, event.pk, event.mark))
                seals.append(AuditSeal(seq=seq, event=event.pk, hash=newest.hash))
            AuditSeal.objects.bulk_create(seals)
            reach("audit.seal.before_commit")
    except IntegrityError:
        log.info("another process seals the audit log at the same moment")
        return 0
    return len(events)
