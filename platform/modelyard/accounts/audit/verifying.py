"""Walks the chain from its first place and tells the first event that is not as it was written.

It holds a thousand events at a time and goes on where it stopped, so that the clock can do it in small steps.
"""

from collections.abc import Sequence

from django.db.models import Count

from modelyard.accounts.audit.marking import is_genuine, link
from modelyard.accounts.audit.pinning import Pin, trimmed_through
from modelyard.accounts.audit.reading import describe, read_events
from modelyard.accounts.audit.sealing import BATCH, unsealed
from modelyard.accounts.models import AuditEvent, AuditSeal


class Verification:
    """One walk: call `step` until it is `done`, then look at `fault`."""

    def __init__(self, pins: Sequence[Pin] = ()) -> None:
        self.pins = tuple(pins)
        self._start()

    def _start(self) -> None:
        self.trimmed = trimmed_through()
        self.head = self.trimmed
        self.checked = self.waiting = 0
        self.fault = ""
        self.done = False

    def run(self) -> "Verification":
        """Walk to the end."""
        while not self.done:
            self.step()
        return self

    def step(self) -> None:
        """Look at the next thousand events."""
        seals = list(AuditSeal.objects.filter(seq__gt=self.head.seq).order_by("seq")[:BATCH])
        events = read_events(seal.event for seal in seals)
        for seal in seals:
            self.fault = self._fault_at(seal, events.get(seal.event))
            if self.fault:
                break
            self.head = Pin(seal.seq, seal.hash)
            self.checked += 1
        if not self.fault and not seals:
            self.fault = self._fault_at_end() or self._fault_outside()
            self.done = True
        if self.fault:
            self.done = True
            if trimmed_through() != self.trimmed:  # retention took the first events while we walked
                self._start()

    def _fault_at(self, seal: AuditSeal, event: AuditEvent | None) -> str:
        """What is wrong at a place of the chain; empty where nothing is."""
        seq = self.head.seq + 1
        if seal.seq != seq:
            return f"place {seq} of the chain was removed: after {self.head.seq} comes {seal.seq}"
        if event is None:
            return f"event {seal.event} was removed: the chain has it at place {seq}"
        what = describe(event)
        if not is_genuine(event):
            return f"{what} was changed: it is not what was written at place {seq} of the chain"
        if seal.hash != link(self.head.hash, seq, seal.event, event.mark):
            return f"{what} was put in another's place: the chain does not have it at place {seq}"
        for pin in self.pins:
            if pin.seq == seq and pin.hash != seal.hash:
                return f"{what} is not what stood at place {seq} when the head was pinned: the chain was replaced"
        return ""

    def _fault_at_end(self) -> str:
        cut = [pin.seq for pin in self.pins if pin.seq > self.head.seq]
        if not cut:
            return ""
        return f"the end was cut off: the chain ends at place {self.head.seq}, and its pinned head was {max(cut)}"

    def _fault_outside(self) -> str:
        """Events that have no place, or have two."""
        for batch in unsealed():
            forged = next((event for event in batch if not is_genuine(event)), None)
            if forged is not None:
                return (
                    f"{describe(forged)} was inserted or changed by hand, or written by a process that has another "
                    "MODELYARD_AUDIT_KEY"
                )
            self.waiting += len(batch)
        marks = AuditEvent.objects.order_by("mark").values("mark").annotate(times=Count("pk"))
        copied = marks.filter(times__gt=1).first()
        if copied is None:
            return ""
        numbers = AuditEvent.objects.filter(mark=copied["mark"]).order_by("pk").values_list("pk", flat=True)
        return f"event {numbers[0]} was copied: as event {numbers[1]}"
