"""The head of the chain, kept outside the database: only by it can a cut at the end be told."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings

from modelyard.accounts.audit.marking import is_genuine
from modelyard.accounts.audit.reading import read_events
from modelyard.accounts.models import AuditEvent
from modelyard.contracts.jsonfile import write_bytes

TRIM = "audit.trim"
"""The act by which retention removes the beginning of the chain."""


@dataclass(frozen=True)
class Pin:
    """A place of the chain and the hash that stood there."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `SEQ:HASH`. Raises `ValueError`."""
        found = re.fullmatch(r"(\d{1,18}):([0-9a-f]{64})", text.strip())
        if found is None:
            raise ValueError(f"a head is written SEQ:HASH, as audit_verify prints it, got {text.strip()!r:.100}")
        return cls(int(found[1]), found[2])


def pin_path() -> Path:
    return Path(settings.ENVIRONMENT.home) / "audit" / "head"


def read_pin() -> Pin | None:
    """The head as it was written last on this machine; None where there is none. Raises `ValueError`, `OSError`."""
    try:
        return Pin.parse(pin_path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write_pin(pin: Pin) -> None:
    """Replace the head in one step. Raises `OSError`."""
    path = pin_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_bytes(path, f"{pin}{os.linesep}".encode())


def trimmed_through() -> Pin:
    """The last place that retention removed, as its genuine event says; place 0 where nothing ever was."""
    pins = [Pin(0, "")]
    for event in read_events(AuditEvent.objects.filter(action=TRIM).values_list("pk", flat=True)).values():
        if is_genuine(event):
            pins.append(Pin(int(event.details["through"]), str(event.details["hash"])))
    return max(pins, key=lambda pin: pin.seq)
